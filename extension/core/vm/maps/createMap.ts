import { XdpError } from '../../errors.ts';
import { isPerCpu } from '../../maps/types.ts';
import { ArrayMap } from './arrayMap.ts';
import { HashMap } from './hashMap.ts';
import { LpmTrie } from './lpmTrie.ts';
import { type MapDefinition, type MapSettings, VmMap } from './map.ts';
import { BloomMap, QueueMap, ReferenceArray, ReferenceHash } from './referenceMaps.ts';
import { RingBuffer } from './ringBuffer.ts';

/** Maps of types that the machine does not have: they may be declared, and any use of them stops the run. */
export class UnsupportedMap extends VmMap {}

export function createMap(definition: MapDefinition, settings: MapSettings): VmMap {
  const { type } = definition;
  checkSizes(definition);
  switch (type) {
    case 'array':
    case 'percpu_array':
      return new ArrayMap(definition, settings);
    case 'hash':
    case 'percpu_hash':
    case 'lru_hash':
    case 'lru_percpu_hash':
      return new HashMap(definition, settings);
    case 'lpm_trie':
      return new LpmTrie(definition, settings);
    case 'prog_array':
    case 'array_of_maps':
    case 'devmap':
    case 'cpumap':
    case 'xskmap':
    case 'perf_event_array':
      return new ReferenceArray(definition, settings);
    case 'devmap_hash':
    case 'hash_of_maps':
      return new ReferenceHash(definition, settings);
    case 'queue':
    case 'stack':
      return new QueueMap(definition, settings);
    case 'bloom_filter':
      return new BloomMap(definition, settings);
    case 'ringbuf':
      return new RingBuffer(definition, settings);
    default:
      return new UnsupportedMap(definition, settings);
  }
}

/** What the kernel refuses when the map is made: kernel/bpf/arraymap.c, hashtab.c, lpm_trie.c, ringbuf.c. */
function checkSizes(definition: MapDefinition): void {
  const { name, type, keySize, valueSize, maxEntries } = definition;
  const refuse = (why: string): never => {
    throw new XdpError('load-failed', `The map ${name} (${type}) cannot be made: ${why}.`, {
      fix: 'Correct its definition; the kernel refuses it too.',
      details: { map: name },
    });
  };
  if (maxEntries === 0) refuse('max_entries is 0');
  if (type === 'ringbuf') {
    if (keySize !== 0 || valueSize !== 0) refuse('a ring buffer has neither keys nor values');
    if ((maxEntries & (maxEntries - 1)) !== 0 || maxEntries % 4096 !== 0) {
      refuse(`its size of ${maxEntries} bytes is no power of two and multiple of the page size`);
    }
    return;
  }
  const keyless = type === 'queue' || type === 'stack' || type === 'bloom_filter';
  if (keyless ? keySize !== 0 : keySize === 0) refuse(keyless ? 'it takes no keys' : 'its keys have no size');
  if (valueSize === 0) refuse('its values have no size');
  if ((type === 'array' || type === 'percpu_array') && keySize !== 4) refuse(`its keys have ${keySize} bytes, not 4`);
  if (type === 'lpm_trie' && (keySize < 5 || keySize > 260)) refuse(`its keys have ${keySize} bytes, not 5 to 260`);
  if (isPerCpu(type) && valueSize > 32768) refuse(`a per-CPU value of ${valueSize} bytes is beyond 32768`);
}
