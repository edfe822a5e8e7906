import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { verifierFixes } from '../../extension/core/verifier/fixes/fixes.ts';
import type { HelperClient } from '../../extension/kernel/client.ts';
import { openObject } from '../../extension/session/bpfObject.ts';
import { verifyObject } from '../../extension/session/verify.ts';
import { median, type Row, sample } from './measure.ts';

const root = process.cwd();

/**
 * From a saved source to the place, cause and quick fixes of a rejection, beside what nobody can spare: clang's own time (its command, alone)
 * and the verifier's (as its log says). VS Code's part, an event and the drawing of a squiggle, is not in it.
 */
export async function squiggleRow(client: HelperClient, bundledInclude: string): Promise<Row> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'xdp-bench-squiggle-'));
  try {
    const file = path.join(folder, 'xdp_firewall.bpf.c');
    const text = readFileSync(path.join(root, 'bpf/examples/firewall/xdp_firewall.bpf.c'), 'utf8');
    // The entry is used without the test that it is there.
    const broken = text.replace('if (blocked && *blocked)', 'if (*blocked)');
    if (broken === text) throw new Error('the firewall has no such line any more');
    writeFileSync(file, broken);
    const { compiled } = await openObject(file, { bundledInclude });
    const [clang = 'clang', ...flags] = compiled?.command ?? [];
    // The object went to a folder that is gone by now.
    const args = [...flags.slice(0, -1), path.join(folder, 'bare.o')];
    const bare: number[] = [];
    const whole: number[] = [];
    const verifier: number[] = [];
    for (let run = 0; run < 15; run++) {
      bare.push(...(await sample(1, () => execFileSync(clang, args, { stdio: 'ignore' }), 0)));
      let log = '';
      const save = async (): Promise<void> => {
        const object = await openObject(file, { bundledInclude });
        const [verdict] = await verifyObject(client, object);
        const failure = verdict?.failure;
        if (failure?.code !== 'null-pointer' || failure.line === null)
          throw new Error(`not rejected: ${failure?.code}`);
        log = failure.log;
        const place = { ...failure, line: failure.line, column: failure.column ?? 1 };
        if (verifierFixes(broken, place).length === 0) throw new Error('there is no quick fix');
      };
      whole.push(...(await sample(1, save, 0)));
      verifier.push(Number(/verification time (\d+) usec/.exec(log)?.[1] ?? 0) / 1000);
    }
    const ours = median(whole) - median(bare) - median(verifier);
    return {
      name: 'save to squiggle: beyond clang’s own time and the verifier’s (firewall, rejected)',
      ours,
      peer: median(bare) + median(verifier),
      unit: 'ms',
      ratio: median(whole) / (median(bare) + median(verifier)),
      aim: '≤ 50 ms',
      met: ours <= 50,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
