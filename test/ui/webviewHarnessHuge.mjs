/** The host of the scene `huge`: every number of 100,000 rows on 128 CPUs moves, and only those that are asked for are made. */
import { typeIds } from './webviewHarnessTypes.mjs';

const rows = 100_000;
const cpus = 128;
const shape = { name: 'per_flow', type: 'percpu_hash', keySize: 4, valueSize: 8, maxEntries: 131_072 };
const mapId = 16;

const types = fetch('types.btf')
  .then((response) => response.arrayBuffer())
  .then((buffer) => new Uint8Array(buffer));

self.onconnect = async ({ ports: [port] }) => {
  const btf = await types;
  const ids = typeIds(btf);
  let descending = false;

  const summary = {
    id: mapId,
    ...shape,
    group: 'xdp_flows on eth1 (generic)',
    frozen: false,
    shows: 'entries',
    borrowed: false,
  };
  const schema = {
    kind: 'schema',
    mapId,
    ...shape,
    btf,
    keyTypeId: ids.__u32,
    valueTypeId: ids.__u64,
    possibleCpus: Array.from({ length: cpus }, (_, cpu) => cpu),
  };

  const answer = (message) => {
    const atMs = performance.now();
    switch (message.kind) {
      case 'arrange':
        descending = message.sort?.descending === true;
        return { kind: 'arranged', total: rows, rows, atMs, workMs: 120 };
      case 'peek':
      case 'rows':
        return rowsFrom(message.from ?? 0, message.count, { descending, atMs });
      case 'lookup':
        return { kind: 'values', values: new Uint8Array(0), gone: [0], atMs };
      default:
        return { kind: 'edited', done: 0, failures: [], left: 0 };
    }
  };

  port.onmessage = ({ data: message }) => {
    if (message.kind === 'ready') {
      port.postMessage({ kind: 'maps', maps: [summary], selected: mapId });
      // As the host does: what it proposes is most often what is shown.
      port.postMessage(schema);
    } else if (message.kind === 'select') {
      port.postMessage(schema);
    } else if ('request' in message) {
      port.postMessage({ mapId, request: message.request, ...answer(message) });
    }
  };
};

function rowsFrom(from, wanted, { descending, atMs }) {
  const count = Math.max(0, Math.min(wanted, rows - from));
  const keys = new Uint32Array(count);
  const values = new Uint32Array(count * cpus * 2);
  for (let row = 0; row < count; row++) {
    const key = descending ? rows - 1 - from - row : from + row;
    keys[row] = key;
    for (let cpu = 0; cpu < cpus; cpu++) {
      values[(row * cpus + cpu) * 2] = key * 100 + ((atMs * (1 + ((key * 7 + cpu * 13) % 50))) | 0);
    }
  }
  const bytes = (numbers) => new Uint8Array(numbers.buffer);
  return { kind: 'rows', from, count, keys: bytes(keys), values: bytes(values), gone: [], atMs };
}
