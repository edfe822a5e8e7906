/** `node heapKinds.mjs FILE`: what a heap snapshot of V8 holds, in bytes, as one line of JSON. A process of its own, since it needs much memory. */
import { readFileSync } from 'node:fs';

/** What the engine makes for itself while code runs: it comes with how often code ran, and ends when all of it is compiled. */
const engineKinds = new Set(['code', 'hidden', 'object shape', 'synthetic']);

const { snapshot, nodes } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const { node_fields: fields, node_types: types } = snapshot.meta;
const [type, size] = [fields.indexOf('type'), fields.indexOf('self_size')];
const found = { data: 0, engine: 0 };
for (let at = 0; at < nodes.length; at += fields.length) {
  found[engineKinds.has(types[type][nodes[at + type]]) ? 'engine' : 'data'] += nodes[at + size];
}
console.log(JSON.stringify(found));
