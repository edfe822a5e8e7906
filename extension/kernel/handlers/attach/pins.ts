import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { errno, errnoText } from '../../libbpf/errno.ts';
import type { Libbpf } from '../../libbpf/port.ts';
import { knowsInterface, makeInterfaceMap } from './interfaceMap.ts';

/** An attachment that outlives its helper: a directory under the pin directory. Reading it opens and closes its pins. */
export interface KeptAttachment {
  directory: string;
  /** The process that wrote it down before it attached by netlink, and has not settled it. */
  announcedBy: number | undefined;
  via: 'link' | 'netlink';
  ifindex: number;
  programId: number;
  programName: string;
  linkId: number | undefined;
  tc: { program: string; programId: number } | undefined;
}

export interface KeepRequest {
  ifindex: number;
  programFd: number;
  linkFd: number | undefined;
  maps: readonly { name: string; fd: number }[];
  btf: { id: number; bytes: Uint8Array } | undefined;
  tc: { programFd: number; linkFd: number } | undefined;
}

/** Pins of what is about to be attached by netlink. */
export interface Announced {
  /** It runs: its pins take the place of those before. */
  settle(): { path: string; directory: string };
  /** It came to nothing. */
  withdraw(): void;
}

const BPF_FS_MAGIC = 0xcafe4a11;

/**
 * `<bpffs>/xdp-vscode/<uid>`. It is the helper's working directory and is used by relative paths, so that it can be
 * reached when the BPF file system above it is for root alone.
 *
 * Layout: `n<netns inode>-i<ifindex>/{link,program,maps/<name>,btf/<id>,tc-link,tc-program}`. A dot is reserved in names of a BPF
 * file system, so `.bss` is pinned as `@bss`. BTF cannot be pinned, and opening it by id needs CAP_SYS_ADMIN: its bytes are
 * kept as the one value of an array map.
 *
 * A netlink attachment has no `link`, and nothing in the kernel says whose it is: it is written down before it is made, in
 * `a<pid>-n…-i…`. Where its helper is killed meanwhile both count, and which of them runs, the interface says. Its
 * `interface` is a device map, in which the kernel forgets an interface that goes.
 */
export class PinDirectory {
  readonly path: string;
  readonly #libbpf: Libbpf;
  readonly #netns: number;

  constructor(libbpf: Libbpf, path: string) {
    this.#libbpf = libbpf;
    this.path = path;
    this.#netns = statSync('/proc/self/ns/net').ino;
  }

  /** Makes `path` the working directory. Answers with the reason when it cannot be used. */
  static enter(libbpf: Libbpf, path: string): PinDirectory | { problem: string } {
    try {
      if (process.cwd() !== path) process.chdir(path);
      if (statfsSync('.').type !== BPF_FS_MAGIC) return { problem: `${path} is not on a BPF file system` };
      const pins = new PinDirectory(libbpf, path);
      pins.#removeLeftovers();
      // And puts back what a helper that was killed had replaced.
      pins.kept();
      return pins;
    } catch (cause) {
      const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
      return { problem: `${path} cannot be used (${why}); a helper that starts with elevation makes it` };
    }
  }

  /** The path by which this process reaches an absolute one: relative when it lies in the pin directory. */
  reach(path: string): string {
    return path.startsWith(`${this.path}/`) ? `./${path.slice(this.path.length + 1)}` : path;
  }

  /**
   * Pins all, or nothing and answers with the reason. Built aside and renamed, so that no half of it is ever seen; what was
   * pinned there before goes when the new is in its place, so that a kill in between loses nothing that was kept.
   */
  keep(request: KeepRequest): { path: string; directory: string } | { problem: string } {
    const directory = this.#directory(request.ifindex);
    const aside = `${asidePrefix}${process.pid}`;
    try {
      this.#pinAll(aside, request);
      this.#takePlace(aside, directory);
    } catch (cause) {
      this.remove(aside);
      return { problem: this.#problem(directory, cause) };
    }
    const main = request.linkFd === undefined ? 'program' : 'link';
    return { path: `${this.path}/${directory}/${main}`, directory };
  }

  /** Pins what is about to be attached by netlink, beside what is pinned for that interface now. */
  announce(request: Omit<KeepRequest, 'linkFd'>): Announced | { problem: string } {
    const directory = this.#directory(request.ifindex);
    const announced = `${announcedPrefix}${process.pid}-${directory}`;
    try {
      this.#pinAll(announced, { ...request, linkFd: undefined });
    } catch (cause) {
      this.remove(announced);
      return { problem: this.#problem(directory, cause) };
    }
    return {
      settle: () => {
        this.#takePlace(announced, directory);
        return { path: `${this.path}/${directory}/program`, directory };
      },
      withdraw: () => this.remove(announced),
    };
  }

  /**
   * Of what was kept by netlink in this namespace: what no interface runs any more goes, and what a helper that was killed had
   * announced and attached takes its place.
   */
  settle(runs: (kept: KeptAttachment) => boolean): void {
    const here = this.kept().filter(({ via }) => via === 'netlink');
    for (const kept of here.filter(({ announcedBy: pid }) => pid === undefined || !existsSync(`/proc/${pid}`))) {
      const { directory } = kept;
      if (!runs(kept)) this.#removeOf(kept);
      else if (kept.announcedBy !== undefined) {
        this.#withTc(directory, (linkFd, tcFd) => this.#libbpf.updateLink(linkFd, tcFd, undefined));
        quietly(() => this.#takePlace(directory, directory.slice(directory.indexOf('-') + 1)));
      }
    }
  }

  /** Another helper that replaces may have put something else in its place since it was read. */
  #removeOf({ directory, programId }: KeptAttachment): void {
    const now = this.#read(directory);
    if (typeof now === 'object' && now.programId === programId) this.remove(directory);
  }

  /** What was pinned there before goes when the new is in its place, so that a kill in between loses nothing. */
  #takePlace(made: string, directory: string): void {
    const before = `${beforePrefix}${process.pid}-${directory}`;
    try {
      if (existsSync(`./${directory}`)) renameSync(`./${directory}`, `./${before}`);
      renameSync(`./${made}`, `./${directory}`);
    } catch (cause) {
      if (existsSync(`./${before}`)) quietly(() => renameSync(`./${before}`, `./${directory}`));
      throw cause;
    }
    this.remove(before);
  }

  #problem(directory: string, cause: unknown): string {
    return `${this.path}/${directory}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }

  #pinAll(aside: string, request: KeepRequest): void {
    const { ifindex, programFd, linkFd, btf } = request;
    const btfFd = btf === undefined ? -1 : this.#libbpf.createByteStore('xdp_vscode_btf', btf.bytes);
    const interfaceFd = linkFd === undefined ? makeInterfaceMap(this.#libbpf, ifindex) : -1;
    const pins: [string, number][] = [['program', programFd]];
    if (linkFd !== undefined) pins.push(['link', linkFd]);
    if (interfaceFd >= 0) pins.push([interfacePin, interfaceFd]);
    if (request.tc !== undefined) pins.push([tcPins.link, request.tc.linkFd], [tcPins.program, request.tc.programFd]);
    for (const map of request.maps) pins.push([`maps/${pinName(map.name)}`, map.fd]);
    if (btf !== undefined && btfFd >= 0) pins.push([`btf/${btf.id}`, btfFd]);
    try {
      for (const path of [aside, `${aside}/maps`, `${aside}/btf`]) mkdirSync(`./${path}`, { mode: 0o700 });
      for (const [name, fd] of pins) {
        const result = this.#libbpf.pin(fd, `./${aside}/${name}`);
        if (result < 0) throw new Error(`${name}: ${errnoText(result)}`);
      }
    } finally {
      for (const fd of [btfFd, interfaceFd]) if (fd >= 0) this.#libbpf.close(fd);
    }
  }

  /**
   * What is kept in the network namespace that this thread is in now. Pins whose interface has gone, in any namespace, are
   * removed on the way.
   */
  kept(): KeptAttachment[] {
    const here = statSync('/proc/thread-self/ns/net').ino;
    return this.#directories().flatMap((directory) => {
      const kept = this.#read(directory);
      if (kept === 'gone') this.remove(directory);
      const inode = Number(directoryName.exec(directory)?.[2]);
      return kept === undefined || kept === 'gone' || inode !== here ? [] : [kept];
    });
  }

  /** The link of a kept attachment: an fd for the caller to close, or -errno. */
  openLink(directory: string): number {
    return this.#libbpf.openPin(`./${directory}/link`);
  }

  openProgram(directory: string): number {
    return this.#libbpf.openPin(`./${directory}/program`);
  }

  openTcLink(directory: string): number {
    return this.#libbpf.openPin(`./${directory}/${tcPins.link}`);
  }

  openTcProgram(directory: string): number {
    return this.#libbpf.openPin(`./${directory}/${tcPins.program}`);
  }

  /** Names in the source and absolute paths of every pinned map of this user, in any network namespace, or of one attachment. */
  maps(of?: string): { name: string; path: string }[] {
    return (of === undefined ? this.#directories() : [of]).flatMap((directory) =>
      list(`./${directory}/maps`).map((name) => ({
        name: name.replaceAll('@', '.'),
        path: `${this.path}/${directory}/maps/${name}`,
      })),
    );
  }

  /** When an attachment was last kept or let go, in milliseconds since 1970: each is one entry of the directory. */
  changedMs(): number {
    return statSync('.', { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  }

  /** Pins a map for another helper of this user, which takes it and removes the pin: its absolute path, or -errno. */
  lend(fd: number, mapId: number): string | number {
    const name = `${lentPrefix}${process.pid}-${mapId}`;
    quietly(() => unlinkSync(`./${name}`));
    const result = this.#libbpf.pin(fd, `./${name}`);
    return result < 0 ? result : `${this.path}/${name}`;
  }

  /** The map that was lent at this path: an fd for the caller to close, or -errno. Only what lend() made is removed. */
  take(path: string): number {
    const name = path.slice(this.path.length + 1);
    if (path !== `${this.path}/${name}` || !/^t\d+-\d+$/.test(name)) return -errno.ENOENT;
    const fd = this.#libbpf.openPin(`./${name}`);
    quietly(() => unlinkSync(`./${name}`));
    return fd;
  }

  /** Raw BTF of something kept, by its id in the kernel. */
  btf(id: number): Uint8Array | undefined {
    for (const directory of this.#directories()) {
      const fd = this.#libbpf.openPin(`./${directory}/btf/${id}`);
      if (fd < 0) continue;
      try {
        const info = this.#libbpf.mapInfo(fd);
        if (typeof info === 'number') continue;
        const bytes = new Uint8Array(info.valueSize);
        if (this.#libbpf.mapLookup(fd, new Uint8Array(4), bytes) >= 0) return bytes;
      } finally {
        this.#libbpf.close(fd);
      }
    }
    return undefined;
  }

  /**
   * Says that another program is about to run in place of the pinned one, until it is pinned itself. Should this helper be
   * killed meanwhile, the next one puts the pinned program back.
   */
  markReplacing(directory: string): void {
    quietly(() => mkdirSync(`./${directory}/${guardPrefix}${process.pid}`, { mode: 0o700 }));
  }

  unmarkReplacing(directory: string): void {
    quietly(() => rmdirSync(`./${directory}/${guardPrefix}${process.pid}`));
  }

  #restoreAbandoned(directory: string, linkFd: number, programFd: number): void {
    for (const name of list(`./${directory}`).filter((each) => each.startsWith(guardPrefix))) {
      if (existsSync(`/proc/${name.slice(guardPrefix.length)}`)) continue;
      if (this.#libbpf.updateLink(linkFd, programFd, undefined) < 0) continue;
      this.#withTc(directory, (tcLinkFd, tcFd) => this.#libbpf.updateLink(tcLinkFd, tcFd, undefined));
      quietly(() => rmdirSync(`./${directory}/${name}`));
    }
  }

  /** Opens and closes the pins of the tc program, if there are any. */
  #withTc<T>(directory: string, use: (linkFd: number, programFd: number) => T): T | undefined {
    const linkFd = this.openTcLink(directory);
    if (linkFd < 0) return undefined;
    const programFd = this.openTcProgram(directory);
    try {
      return programFd < 0 ? undefined : use(linkFd, programFd);
    } finally {
      this.#libbpf.close(linkFd);
      if (programFd >= 0) this.#libbpf.close(programFd);
    }
  }

  remove(directory: string): void {
    for (const kind of ['maps', 'btf']) {
      for (const name of list(`./${directory}/${kind}`)) quietly(() => unlinkSync(`./${directory}/${kind}/${name}`));
      quietly(() => rmdirSync(`./${directory}/${kind}`));
    }
    for (const name of list(`./${directory}`)) {
      quietly(() => unlinkSync(`./${directory}/${name}`));
      quietly(() => rmdirSync(`./${directory}/${name}`));
    }
    quietly(() => rmdirSync(`./${directory}`));
  }

  #directory(ifindex: number): string {
    return `n${this.#netns}-i${ifindex}`;
  }

  #directories(): string[] {
    return list('.').filter((name) => directoryName.test(name));
  }

  /** A helper that was killed while it pinned: what it made is neither kept nor anybody's. */
  #removeLeftovers(): void {
    for (const name of list('.')) {
      this.#removeAside(name);
      this.#removeHalf(name);
      const lender = /^t(\d+)-\d+$/.exec(name)?.[1];
      if (lender !== undefined && !existsSync(`/proc/${lender}`)) quietly(() => unlinkSync(`./${name}`));
    }
  }

  /** What it made is neither kept nor anybody's; what it had put aside for that is kept, where nothing took its place. */
  #removeAside(name: string): void {
    const [, kind, pid, directory] = /^([wo])(\d+)(?:-(n.+))?$/.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) return;
    if (kind === asidePrefix || directory === undefined || existsSync(`./${directory}`)) this.remove(name);
    else quietly(() => renameSync(`./${name}`, `./${directory}`));
  }

  /** The program is pinned first: without it a directory was being made, or removed, when its helper was killed. */
  #removeHalf(name: string): void {
    const [known, announcer] = directoryName.exec(name) ?? [];
    if (known === undefined || existsSync(`./${name}/program`)) return;
    if (announcer === undefined || !existsSync(`/proc/${announcer}`)) this.remove(name);
  }

  /** `gone` only on the kernel's word that its interface is: removing the pin of a link detaches it. */
  #read(directory: string): KeptAttachment | 'gone' | undefined {
    const programFd = this.openProgram(directory);
    if (programFd < 0) return undefined;
    const linkFd = this.openLink(directory);
    try {
      const program = this.#libbpf.programInfo(programFd);
      if (typeof program === 'number') return undefined;
      const tc = this.#withTc(directory, (_linkFd, tcFd) => {
        const info = this.#libbpf.programInfo(tcFd);
        return typeof info === 'number' ? undefined : { program: info.name, programId: info.id };
      });
      const [, announcer, , index] = directoryName.exec(directory) ?? [];
      const announcedBy = announcer === undefined ? undefined : Number(announcer);
      const about = { directory, announcedBy, programId: program.id, programName: program.name, tc };
      const ifindex = Number(index);
      if (linkFd === -errno.ENOENT) {
        return knowsInterface(this.#libbpf, `./${directory}/${interfacePin}`)
          ? { ...about, via: 'netlink', ifindex, linkId: undefined }
          : 'gone';
      }
      if (linkFd >= 0) this.#restoreAbandoned(directory, linkFd, programFd);
      const link = linkFd < 0 ? linkFd : this.#libbpf.linkInfo(linkFd);
      if (typeof link === 'number') return undefined;
      if (link.ifindex === 0) return 'gone';
      return { ...about, via: 'link', ifindex, linkId: link.id };
    } finally {
      this.#libbpf.close(programFd);
      if (linkFd >= 0) this.#libbpf.close(linkFd);
    }
  }
}

const tcPins = { link: 'tc-link', program: 'tc-program' } as const;
const interfacePin = 'interface';
/** Announced by which process; namespace; interface. */
const directoryName = /^(?:a(\d+)-)?n(\d+)-i(\d+)$/;
const asidePrefix = 'w';
const announcedPrefix = 'a';
const beforePrefix = 'o';
const guardPrefix = 'guard-';
const lentPrefix = 't';

function pinName(mapName: string): string {
  return mapName.replaceAll('.', '@');
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // What is already gone needs no removing.
  }
}
