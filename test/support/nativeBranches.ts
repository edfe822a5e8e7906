import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The same source as a program of this machine, which says for every condition which way it went: built by gcc. */

const driver = `#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
static int told(int line, int truth) { printf("%d:%d ", line, truth); return truth; }
#include "told.c"

int main(int count, char **packets)
{
	/* The context has 32 bits for an address. */
	unsigned char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	for (int p = 1; p < count; p++) {
		int length = strlen(packets[p]) / 2;
		struct xdp_md ctx = { .data = (long)page, .data_end = (long)page + length };

		for (int i = 0; i < length; i++)
			sscanf(packets[p] + 2 * i, "%2hhx", page + i);
		int verdict = story(&ctx);
		printf("= %d\\n", verdict);
	}
	return 0;
}
`;

/** For each packet the lines of its conditions with which way they went, in order, and the verdict's number. */
export function nativeBranches(
  folder: string,
  source: string,
  packets: readonly Uint8Array[],
): { branches: string[]; verdict: number }[] {
  writeFileSync(join(folder, 'told.c'), source.split('\n').map(instrumented).join('\n'));
  writeFileSync(join(folder, 'driver.c'), driver);
  execFileSync('gcc', ['-O0', '-w', '-o', 'native', 'driver.c'], { cwd: folder });
  const hex = packets.map((packet) => Buffer.from(packet).toString('hex'));
  const text = execFileSync('./native', hex, { cwd: folder, encoding: 'utf8' });
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [told = '', verdict = ''] = line.split('= ');
      return { branches: told.trim() === '' ? [] : told.trim().split(' '), verdict: Number(verdict) };
    });
}

/** Fixtures have one condition on a line, and the whole of it. */
function instrumented(line: string, index: number): string {
  const number = index + 1;
  return line
    .replace(
      /^(\s*(?:\} else |else )?(?:if|while) |\s*\} while )\((.+)\)( \{|;| \S.*;)?$/,
      `$1(told(${number}, !!($2)))$3`,
    )
    .replace(/^(\s*for \([^;]*; )([^;]+)(; .*)$/, `$1told(${number}, !!($2))$3`)
    .replace(/^(\s*\S.* = )(.+)( \? .*;)$/, `$1told(${number}, !!($2))$3`);
}
