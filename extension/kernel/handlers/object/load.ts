import { XdpError } from '../../../core/errors.ts';
import type { kernelContract, LoadedObject, MapRef, VerifiedProgram } from '../../../protocol/kernel.ts';
import type { Handlers } from '../../../protocol/rpc.ts';
import { errno } from '../../libbpf/errno.ts';
import type { BpfObject, BpfProgram } from '../../libbpf/port.ts';
import { addTailCallTargets, choosePrograms } from '../attach/choose.ts';
import type { Context } from '../context.ts';
import { loadFailure, openFailure, refusalOfProgram, rejection } from './loadFailures.ts';
import { openMap } from '../maps/mapRefs.ts';
import { describeObject, sourceMapName } from './objects.ts';

type LoadHandlers = Pick<Handlers<typeof kernelContract>, 'object/load' | 'object/close' | 'object/verify'>;

/**
 * Log sizes in turn: a log that does not fit makes even a valid program fail with ENOSPC. The memory is only touched as
 * far as the verifier writes. Past the last size the kernel (≥ 6.4) keeps the end of the log, which tells why.
 */
const logSizes = [1 << 20, 1 << 24, 1 << 27] as const;
const logOnFailure = 0;
/** BPF_LOG_LEVEL1 or 2, each with BPF_LOG_STATS, of include/linux/bpf_verifier.h. */
const logLevels = { failure: 1 | 4, steps: 2 | 4 } as const;

export function loadHandlers(context: Context): LoadHandlers {
  return {
    'object/load': (params) => loadObject(context, params),
    'object/close': ({ object }) => {
      context.objects.close(object);
      return {};
    },
    'object/verify': (params) => context.prints.during((warnings) => verify(context, params, warnings)),
  };
}

export function loadObject(context: Context, params: LoadParams): Promise<LoadedObject> {
  return context.prints.during((warnings) => load(context, params, warnings));
}

interface LoadParams {
  elf: Uint8Array;
  name: string;
  programs?: string[] | undefined;
  reuseMaps?: Record<string, MapRef> | undefined;
}

interface VerifyParams {
  elf: Uint8Array;
  name: string;
  programs?: string[] | undefined;
  log?: keyof typeof logLevels | undefined;
}

async function load(context: Context, params: LoadParams, warnings: readonly string[]): Promise<LoadedObject> {
  let size = 0;
  let whole = false;
  for (;;) {
    const object = open(context, params, warnings);
    let owned = true;
    try {
      const choice = choosePrograms(object, params.name, params.programs);
      if (whole) addTailCallTargets(object, choice);
      reuseMaps(context, object, params);
      if (size === 0 && !whole) tellUnfollowedPins(context, object);
      for (const program of choice.chosen) program.setLog(logSizes[size] ?? logSizes[0], logOnFailure);
      const result = await object.load();
      if (result < 0) {
        const rejected = choice.chosen.find((program) => program.log() !== '');
        if (result === -errno.ENOSPC && rejected !== undefined && size + 1 < logSizes.length) {
          size++;
          continue;
        }
        if (result === -errno.EBADF && rejected === undefined && !whole) {
          whole = true;
          continue;
        }
        const capabilities = context.system.capabilities();
        if (rejected !== undefined) throw rejection(rejected, result, rejected.log(), capabilities);
        throw loadFailure(params.name, result, warnings, capabilities);
      }
      const stored = context.objects.add(params.name, object);
      owned = false;
      return describeObject(context.libbpf, stored, choice.left);
    } finally {
      if (owned) object.close();
    }
  }
}

/** Each program alone, so that one rejection says nothing about the others. */
async function verify(
  context: Context,
  params: VerifyParams,
  warnings: readonly string[],
): Promise<{ programs: VerifiedProgram[] }> {
  const plan = open(context, params, warnings);
  try {
    const choice = choosePrograms(plan, params.name, params.programs);
    const results: VerifiedProgram[] = [];
    for (const program of plan.programs) {
      const skipped = choice.left.find((left) => left.name === program.name);
      const about = { name: program.name, section: program.section, type: program.type() };
      results.push(
        skipped === undefined
          ? { ...about, ...(await verifyAlone(context, params, program.name, warnings)) }
          : { ...about, verdict: 'skipped', reason: skipped.reason, errno: 0, log: '' },
      );
    }
    return { programs: results };
  } finally {
    plan.close();
  }
}

async function verifyAlone(
  context: Context,
  params: VerifyParams,
  programName: string,
  warnings: readonly string[],
): Promise<Pick<VerifiedProgram, 'verdict' | 'errno' | 'log' | 'reason'>> {
  for (const [attempt, logBytes] of logSizes.entries()) {
    const seen = warnings.length;
    const object = open(context, params, warnings);
    try {
      const [program] = choosePrograms(object, params.name, [programName]).chosen as [BpfProgram];
      program.setLog(logBytes, logLevels[params.log ?? 'failure']);
      const result = await object.load();
      const log = program.log();
      if (result >= 0) return { verdict: 'accepted', errno: 0, log };
      if (result === -errno.ENOSPC && log !== '' && attempt + 1 < logSizes.length) continue;
      // Only the prog arrays could not be filled, since their programs are verified elsewhere: the log is of a success.
      if (result === -errno.EBADF && /^processed \d+ insns/m.test(log)) return { verdict: 'accepted', errno: 0, log };
      if (log !== '') return { verdict: 'rejected', errno: -result, log };
      const words = warnings.slice(seen);
      const reason = refusalOfProgram(program.name, result, words);
      if (reason === undefined) throw loadFailure(params.name, result, words, context.system.capabilities());
      return { verdict: 'rejected', errno: -result, reason, log: `${words.join('\n')}\n` };
    } finally {
      object.close();
    }
  }
  throw new XdpError('load-failed', `${programName}: the verifier log does not fit`);
}

function open(context: Context, params: LoadParams, warnings: readonly string[]): BpfObject {
  const object = context.libbpf.openObject(params.elf, objectName(params.name));
  if (typeof object === 'number') throw openFailure(params.name, params.elf, object, warnings);
  if (object.programs.length === 0) {
    object.close();
    throw new XdpError('not-bpf-object', `${params.name} has no BPF programs`, {
      fix: 'Put each program into a section: SEC("xdp") int name(struct xdp_md *ctx).',
    });
  }
  return object;
}

/** libbpf makes the names of global data maps from it and allows what C allows. */
function objectName(name: string): string {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return (base.split('.')[0] ?? '').replaceAll(/[^A-Za-z0-9_]/g, '_') || 'object';
}

function tellUnfollowedPins(context: Context, object: BpfObject): void {
  for (const { name, pinPath } of object.maps) {
    if (pinPath === undefined) continue;
    const text = `map ${name} asks to be pinned at ${pinPath}; it is not, so that nothing stays behind when the object is closed`;
    context.emit('log', { level: 'info', text });
  }
}

function reuseMaps(context: Context, object: BpfObject, params: LoadParams): void {
  for (const [name, ref] of Object.entries(params.reuseMaps ?? {})) {
    const map = object.maps.find((candidate) => sourceMapName(candidate.name) === name);
    if (map === undefined) {
      throw new XdpError('map-not-found', `${params.name} declares no map named ${name}`, {
        fix: `It declares: ${object.maps.map((candidate) => sourceMapName(candidate.name)).join(', ') || 'none'}`,
      });
    }
    const opened = openMap(context, ref);
    try {
      const { info } = opened;
      const fits = info.type === map.type && info.keySize === map.keySize && info.valueSize === map.valueSize;
      if (!fits || map.reuse(opened.fd) < 0) {
        throw new XdpError(
          'load-failed',
          `The map ${name} of ${params.name} cannot be map ${info.id} (${opened.name})`,
          {
            fix: 'Type, key size and value size must be the same.',
            details: { map: name },
          },
        );
      }
    } finally {
      opened.close();
    }
  }
}
