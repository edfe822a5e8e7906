import { expect, test } from 'vitest';
import { KeptMaps } from '../../extension/kernel/handlers/maps/keptMaps.ts';
import { fakeMapInfo } from '../support/kernelFake.ts';

/** A pin directory with these maps, by path; what is opened is counted, and what is left open. */
function directory() {
  const pinned = new Map<string, number>();
  const state = { changedMs: 1000, lists: 0, opens: 0, open: new Map<number, number>() };
  let last = 0;
  const libbpf = {
    openPin: (path: string) => {
      const id = pinned.get(path);
      if (id === undefined) return -2;
      state.opens++;
      state.open.set(++last, id);
      return last;
    },
    mapInfo: (fd: number) => fakeMapInfo({ id: state.open.get(fd) ?? 0 }),
    close: (fd: number) => void state.open.delete(fd),
  };
  const pins = {
    maps: () => {
      state.lists++;
      return [...pinned.keys()].map((path) => ({ name: `name of ${path}`, path }));
    },
    reach: (path: string) => path,
    changedMs: () => state.changedMs,
  };
  const maps = new KeptMaps(libbpf, pins);
  /** Its name, if it is kept, and how often the directory was gone through for it. */
  const find = (id: number): [string | undefined, number] => {
    const before = state.lists;
    const found = maps.open(id);
    if (found !== undefined) libbpf.close(found.fd);
    expect([...state.open.keys()], 'left open').toEqual([]);
    return [found?.name, state.lists - before];
  };
  return { pinned, state, find };
}

test('the pins are gone through once for all maps, also for one that is not among them', () => {
  const { pinned, state, find } = directory();
  pinned.set('a', 7).set('b', 8);
  expect([find(7), find(8), find(9)]).toEqual([
    ['name of a', 1],
    ['name of b', 0],
    [undefined, 0],
  ]);
  state.opens = 0;
  for (let reading = 0; reading < 20; reading++) find(9);
  expect(state.opens).toBe(0);
});

test('what was pinned or let go since is seen, also when both looks fall into one tick of the clock', () => {
  const { pinned, state, find } = directory();
  pinned.set('a', 7);
  find(7);
  pinned.delete('a');
  pinned.set('c', 9);
  state.changedMs = Date.now();
  expect([find(7), find(9)]).toEqual([
    [undefined, 1],
    ['name of c', 1],
  ]);
  pinned.set('d', 10);
  expect(find(10)).toEqual(['name of d', 1]);
});

test('a pin that is another map by now, or cannot be opened, is not that map', () => {
  const { pinned, find } = directory();
  pinned.set('a', 7).set('b', 8);
  find(7);
  pinned.set('a', 70);
  expect(find(7)[0]).toBeUndefined();
  pinned.delete('b');
  expect(find(8)[0]).toBeUndefined();
});
