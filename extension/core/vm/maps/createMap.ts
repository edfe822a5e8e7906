import { ArrayMap } from './arrayMap.ts';
import { HashMap } from './hashMap.ts';
import { LpmTrie } from './lpmTrie.ts';
import { type MapDefinition, type MapSettings, VmMap } from './map.ts';
import { checkDefinition } from './mapRules.ts';
import { BloomMap, QueueMap, ReferenceArray, ReferenceHash } from './referenceMaps.ts';
import { RingBuffer } from './ringBuffer.ts';

/** Maps of types that the machine does not have: they may be declared, and any use of them stops the run. */
export class UnsupportedMap extends VmMap {}

export function createMap(definition: MapDefinition, settings: MapSettings): VmMap {
  const { type } = definition;
  checkDefinition(definition);
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
