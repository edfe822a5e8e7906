import { XdpError } from '../../../core/errors.ts';
import type { BpfObject, BpfProgram } from '../../libbpf/port.ts';

export interface Choice {
  chosen: BpfProgram[];
  left: { name: string; section: string; reason: string }[];
}

/**
 * Which programs of an object to load: those of type xdp, or the named ones. A section name of the past (`xdp_drop`)
 * tells libbpf nothing; a program there is taken as XDP when it is named, or when it is the only one of the object.
 */
export function choosePrograms(object: BpfObject, objectName: string, wanted: readonly string[] | undefined): Choice {
  const choice: Choice = { chosen: [], left: [] };
  for (const name of wanted ?? []) {
    if (!object.programs.some((program) => program.name === name)) {
      throw new XdpError('program-not-found', `${objectName} has no program named ${name}`, {
        fix: `It has: ${object.programs.map((program) => program.name).join(', ') || 'no programs at all'}`,
      });
    }
  }
  for (const program of object.programs) {
    const reason = reasonToLeave(program, object.programs.length, wanted);
    if (reason === undefined) {
      if (program.type() === 'unspec') program.setType(isTcSection(program.section) ? 'sched_cls' : 'xdp');
      program.setAutoload(true);
      choice.chosen.push(program);
    } else {
      program.setAutoload(false);
      choice.left.push({ name: program.name, section: program.section, reason });
    }
  }
  return choice;
}

/**
 * Loads the other XDP programs of the object too. libbpf fills a prog array that names programs when it loads the object,
 * and fails with EBADF when one of them was left out (libbpf.c, init_prog_array_slots()).
 */
export function addTailCallTargets(object: BpfObject, choice: Choice): void {
  for (const program of object.programs) {
    if (program.type() !== 'xdp' || choice.chosen.includes(program)) continue;
    program.setAutoload(true);
    choice.chosen.push(program);
    choice.left = choice.left.filter(({ name }) => name !== program.name);
  }
}

/** libbpf knows `tcx/ingress` from 1.3 on; the older names always. */
function isTcSection(section: string): boolean {
  return /^(tcx|tc|classifier)(\/|$)/.test(section);
}

/** Programs that run from an entry of a map: kernel/bpf/cpumap.c, devmap.c. */
function mapOfSection(section: string): 'cpumap' | 'devmap' | undefined {
  const kind = /^\??xdp(?:\.frags)?\/(cpumap|devmap)$/.exec(section)?.[1];
  return kind === 'cpumap' || kind === 'devmap' ? kind : undefined;
}

function reasonToLeave(
  program: BpfProgram,
  programs: number,
  wanted: readonly string[] | undefined,
): string | undefined {
  const type = program.type();
  if (wanted?.includes(program.name) === true) return undefined;
  if (type === 'unspec' && isTcSection(program.section)) return 'a program of type sched_cls, not XDP';
  const map = mapOfSection(program.section);
  if (wanted !== undefined && map !== undefined) {
    return `it runs from a ${map} entry that names its descriptor, and attaching sets no entry`;
  }
  if (wanted !== undefined && (type === 'xdp' || type === 'unspec')) return 'not asked for';
  if (type === 'xdp') {
    return program.autoload() ? undefined : `its section ${program.section} says not to load it by itself (SEC("?…"))`;
  }
  if (type !== 'unspec') return `a program of type ${type}, not XDP`;
  if (programs === 1) return undefined;
  return `its section ${program.section} names no program type; write SEC("xdp"), or ask for ${program.name} by name`;
}
