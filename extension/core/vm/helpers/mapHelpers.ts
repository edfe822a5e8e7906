import { errno } from '../errno.ts';
import type { Cpu } from '../engine/cpu.ts';
import { maxLoops } from '../engine/cpu.ts';
import { UnsupportedMap } from '../maps/createMap.ts';
import { isPerCpu } from '../../maps/types.ts';
import type { VmMap } from '../maps/map.ts';
import { BloomMap, QueueMap, ReferenceArray, ReferenceHash } from '../maps/referenceMaps.ts';
import { RingBuffer } from '../maps/ringBuffer.ts';
import { Fault, right, tag } from '../memory/regions.ts';
import type { Call, Helper } from './call.ts';

/** Maps and callbacks: kernel/bpf/helpers.c and the map types' own files. */
export const mapHelpers: readonly Helper[] = [
  { id: 1, name: 'bpf_map_lookup_elem', run: lookup },
  {
    id: 2,
    name: 'bpf_map_update_elem',
    run(call) {
      const map = keyed(call, 1);
      changeable(call, map);
      const key = call.readable(2, map.definition.keySize);
      const value = call.readable(3, map.definition.valueSize);
      call.give(map.update(key, value, call.flags(4), cpuOf(call)));
    },
  },
  {
    id: 3,
    name: 'bpf_map_delete_elem',
    run(call) {
      const map = keyed(call, 1);
      changeable(call, map);
      call.give(map.delete(call.readable(2, map.definition.keySize)));
    },
  },
  {
    id: 87,
    name: 'bpf_map_push_elem',
    run(call) {
      const map = keyless(call);
      call.give(map.push(call.readable(2, map.definition.valueSize), call.flags(3)));
    },
  },
  {
    id: 88,
    name: 'bpf_map_pop_elem',
    run(call) {
      const map = keyless(call);
      if (map instanceof BloomMap) throw call.refuse('a bloom filter gives nothing back');
      call.give(map.pop(call.writable(2, map.definition.valueSize)));
    },
  },
  {
    id: 89,
    name: 'bpf_map_peek_elem',
    run(call) {
      const map = keyless(call);
      const { valueSize } = map.definition;
      call.give(map.peek(map instanceof BloomMap ? call.readable(2, valueSize) : call.writable(2, valueSize)));
    },
  },
  {
    id: 195,
    name: 'bpf_map_lookup_percpu_elem',
    run(call) {
      const map = keyed(call, 1);
      if (!isPerCpu(map.definition.type)) throw call.refuse(`${map.definition.name} is no per-CPU map`);
      const key = call.readable(2, map.definition.keySize);
      const cpu = call.u32(3);
      call.giveRegion(cpu < call.world.cpuCount ? map.lookup(key, cpu) : 0);
    },
  },
  { id: 164, name: 'bpf_for_each_map_elem', run: forEach },
  { id: 181, name: 'bpf_loop', run: loop },
  {
    id: 93,
    name: 'bpf_spin_lock',
    run(call) {
      const address = lockAddress(call);
      if (call.world.lock !== undefined) throw call.refuse('a spin lock is held already, so this would wait for ever');
      call.world.lock = address;
      call.give(0);
    },
  },
  {
    id: 94,
    name: 'bpf_spin_unlock',
    run(call) {
      if (call.world.lock !== lockAddress(call)) throw call.refuse('this spin lock is not held');
      call.world.lock = undefined;
      call.give(0);
    },
  },
];

function cpuOf(call: Call): number {
  return call.world.inputs.cpu ?? 0;
}

/** A map with keys that programs may use with the plain map helpers. */
function keyed(call: Call, argument: number): VmMap {
  const map = call.map(argument);
  const { name, type } = map.definition;
  if (map instanceof UnsupportedMap) {
    throw new Fault('helper', `${call.name}: maps of type ${type} (${name}) are not available in the built-in machine`);
  }
  if (map instanceof RingBuffer || map instanceof QueueMap || map instanceof BloomMap) {
    throw call.refuse(`${name} is a ${type}, which has no keys`);
  }
  return map;
}

function keyless(call: Call): VmMap {
  const map = call.map(1);
  if (map instanceof QueueMap || map instanceof BloomMap) return map;
  throw call.refuse(`${map.definition.name} is a ${map.definition.type}, not a queue, stack or bloom filter`);
}

function changeable(call: Call, map: VmMap): void {
  const { name, type } = map.definition;
  if (map instanceof ReferenceArray || map instanceof ReferenceHash) {
    throw call.refuse(`programs cannot change ${name}, a ${type}`);
  }
  if ((map.valueRights & right.write) === 0) throw call.refuse(`${name} is read-only for programs`);
}

function lookup(call: Call): void {
  const map = keyed(call, 1);
  const { type, keySize } = map.definition;
  const key = call.readable(2, keySize);
  if (type === 'prog_array' || type === 'perf_event_array') throw call.refuse(`a ${type} cannot be looked up`);
  if (type !== 'array_of_maps' && type !== 'hash_of_maps') return call.giveRegion(map.lookup(key, cpuOf(call)));
  const inner =
    map instanceof ReferenceArray
      ? map.reference(call.world.memory.view.getUint32(key, true))
      : map instanceof ReferenceHash
        ? map.reference(key)
        : undefined;
  call.cpu.lo[0] = inner ?? 0;
  call.cpu.hi[0] = inner === undefined ? 0 : tag.map;
}

/** bpf_for_each_map_elem(map, callback, context, flags). */
function forEach(call: Call): void {
  const map = keyed(call, 1);
  const callback = call.callback(2);
  const { cpu, world } = call;
  if (call.flags(4) !== 0) return call.give(errno.invalid);
  const contextLow = cpu.lo[3]!;
  const contextHigh = cpu.hi[3]!;
  const entries = map.entries()[Symbol.iterator]();
  const isArray = map.definition.type.endsWith('array');
  let visited = 0;
  cpu.iterate(callback, {
    name: call.name,
    next() {
      if (visited > 0 && (cpu.lo[0] !== 0 || cpu.hi[0] !== 0)) return finish(cpu, visited);
      for (let step = entries.next(); !step.done; step = entries.next()) {
        if (!map.has(step.value)) continue;
        visited++;
        const key = isArray ? world.keyScratch : map.keyRegion(step.value);
        if (isArray) world.memory.view.setUint32(world.memory.starts[key]!, step.value, true);
        cpu.setPointer(1, tag.map, map.number);
        cpu.setPointer(2, key, world.memory.starts[key]!);
        const value = map.valueRegion(step.value, cpuOf(call));
        cpu.setPointer(3, value, world.memory.starts[value]!);
        cpu.setPointer(4, contextHigh, contextLow);
        return true;
      }
      return finish(cpu, visited);
    },
  });
}

/** bpf_loop(count, callback, context, flags). */
function loop(call: Call): void {
  const { cpu } = call;
  const callback = call.callback(2);
  if (call.flags(4) !== 0) return call.give(errno.invalid);
  const count = call.u32(1);
  if (count > maxLoops) return call.give(errno.tooBig);
  const contextLow = cpu.lo[3]!;
  const contextHigh = cpu.hi[3]!;
  let done = 0;
  cpu.iterate(callback, {
    name: call.name,
    next() {
      if (done > 0 && (cpu.lo[0] !== 0 || cpu.hi[0] !== 0)) return finish(cpu, done);
      if (done === count) return finish(cpu, done);
      cpu.setPointer(1, 0, done);
      cpu.setPointer(2, contextHigh, contextLow);
      done++;
      return true;
    },
  });
}

function finish(cpu: Cpu, result: number): false {
  cpu.setPointer(0, 0, result);
  return false;
}

/** A lock is told from others by where it is. */
function lockAddress(call: Call): number {
  return call.writable(1, 4);
}
