import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../support/toolchain.ts';
import { tokenizeLines } from '../support/toolchainTokens.ts';

/** A line, and the scope that each of these words has to carry; `!scope` for one that it must not. */
type Sample = readonly (readonly [line: string, scopes?: Readonly<Record<string, string>>])[];

async function check(grammar: string, sample: Sample): Promise<void> {
  const lines = await tokenizeLines(
    grammar,
    sample.map(([line]) => line),
  );
  for (const [index, [line, expected = {}]] of sample.entries()) {
    for (const [word, scope] of Object.entries(expected)) {
      const at = line.indexOf(word);
      expect(at, `"${word}" in "${line}"`).toBeGreaterThanOrEqual(0);
      // Both ends, so that a rule that stops inside the word is noticed.
      for (const place of [at, at + word.length - 1]) {
        const scopes = lines[index]?.(place).flatMap((one) => one.split(' ')) ?? [];
        const wanted = scope.replace('!', '');
        const message = `"${word}" in "${line}" has ${scopes.join(' ')}`;
        expect(
          scopes.some((one) => one.startsWith(wanted)),
          message,
        ).toBe(!scope.startsWith('!'));
      }
    }
  }
}

test('BPF C on top of C', () =>
  check('source.c', [
    ['#include <bpf/bpf_helpers.h>', { bpf_helpers: '!support.function' }],
    [
      'BPF_PERCPU_ARRAY(xdp_stats_map, struct xdp_stats, 5);',
      { BPF_PERCPU_ARRAY: 'support.function.map-macro.bpf', xdp_stats_map: 'variable.other.map.bpf' },
    ],
    [
      'struct { __uint(type, BPF_MAP_TYPE_HASH); } m SEC(".maps");',
      {
        __uint: 'support.function.map-field.bpf',
        BPF_MAP_TYPE_HASH: 'constant.other.bpf',
        SEC: 'storage.modifier.section.bpf',
        '.maps': 'entity.name.section.bpf',
      },
    ],
    ['SEC("xdp.frags")', { 'xdp.frags': 'entity.name.section.bpf', SEC: 'storage.modifier.section.bpf' }],
    ['int prog(struct xdp_md *ctx)', { xdp_md: 'support.type.struct.bpf', prog: '!support' }],
    ['{'],
    [
      '  __u64 *v = bpf_map_lookup_elem(&m, &key);',
      { __u64: 'support.type.integer.bpf', bpf_map_lookup_elem: 'support.function.helper.bpf' },
    ],
    [
      '  __be16 proto; u32 key; my_u32 other;',
      { __be16: 'support.type.integer.bpf', u32: 'support.type.integer.bpf', my_u32: '!support' },
    ],
    ['  struct iphdr *ip = xdp_parse_ipv4(&cur);', { xdp_parse_ipv4: 'support.function.helper.bpf' }],
    [
      '  return XDP_DROP; /* XDP_PASS */',
      { XDP_DROP: 'constant.language.xdp-action.bpf', XDP_PASS: '!constant.language' },
    ],
    [
      '  return count(XDP_PASS, "XDP_TX");',
      { XDP_PASS: 'constant.language.xdp-action.bpf', XDP_TX: '!constant.language' },
    ],
    ['  // bpf_printk("x");', { bpf_printk: '!support' }],
    ['}'],
    [
      'static __always_inline int bpf_is_not_called;',
      { __always_inline: 'storage.modifier.bpf', bpf_is_not_called: '!support.function' },
    ],
  ]));

test('verifier log, as Linux 6.18 writes it', () =>
  check('source.bpf-verifier-log', [
    [
      "libbpf: prog 'bad': BPF program load failed: Permission denied",
      { libbpf: 'keyword.other.loader.bpf', Permission: 'invalid.illegal' },
    ],
    ["libbpf: prog 'bad': -- BEGIN PROG LOAD LOG --", { BEGIN: 'markup.heading.loader.bpf' }],
    ['func#0 @0', { 'func#0': 'entity.name.function.bpf' }],
    ['Live regs before insn:', { Live: 'comment.line.analysis.bpf' }],
    [
      '      0: .1........ (61) r9 = *(u32 *)(r1 +4)',
      {
        '.1........': 'comment.block.liveness.bpf',
        '61': 'comment.block.opcode.bpf',
        r9: 'variable.language.register.bpf',
      },
    ],
    [
      '0: R1=ctx() R10=fp0',
      { R1: 'variable.language.register.bpf', ctx: 'support.type.pointer.bpf', R10: 'variable.language.register.bpf' },
    ],
    [
      '; void *data = (void *)(long)ctx->data; @ bad.c:8',
      {
        'void *data': 'comment.line.source.bpf',
        'bad.c': 'string.unquoted.file.bpf',
        '8': 'constant.numeric.line.bpf',
      },
    ],
    [
      '8: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=m,ks=4,vs=8)',
      {
        '85': 'comment.block.opcode.bpf',
        call: 'keyword.control.call.bpf',
        bpf_map_lookup_elem: 'support.function.helper.bpf',
        R0: 'meta.state.bpf',
        map_value_or_null: 'support.type.pointer.bpf',
        ks: 'variable.parameter.state.bpf',
      },
    ],
    [
      '14: (67) r0 <<= 32                    ; R0=scalar(smax=0x7fffffff00000000,var_off=(0x0; 0xffffffff00000000))',
      {
        '<<=': 'keyword.operator.bpf',
        scalar: 'support.type.pointer.bpf',
        '0x7fffffff00000000': 'constant.numeric.bpf',
      },
    ],
    [
      '10: (15) if r6 == 0x0 goto pc+7       ; R6=map_value(map=m,ks=4,vs=8)',
      { if: 'keyword.control.bpf', 'pc+7': 'constant.numeric.target.bpf' },
    ],
    [
      'from 29 to 14: R0=scalar() R8=pkt(r=0) fp-8=mmmm????',
      { from: 'keyword.control.path.bpf', 'fp-8': 'variable.language.stack.bpf' },
    ],
    ['caller:', { caller: 'keyword.control.path.bpf' }],
    [
      ' R6=map_value(map=m,ks=4,vs=8) R7=scalar(id=2)',
      { R6: 'variable.language.register.bpf', map_value: 'support.type.pointer.bpf' },
    ],
    [
      ' frame1: R1=scalar(id=2) R10=fp0',
      { frame1: 'entity.name.section.frame.bpf', R1: 'variable.language.register.bpf' },
    ],
    ['22: (71) r1 = *(u8 *)(r8 +23)', { u8: 'storage.type.integer.bpf', '22': 'entity.name.tag.instruction.bpf' }],
    [
      'invalid access to packet, off=23 size=1, R8(id=0,off=23,r=14)',
      { invalid: 'invalid.illegal.failure.bpf', R8: 'variable.language.register.bpf' },
    ],
    ['R8 offset is outside of the packet', { 'offset is outside': 'invalid.illegal.failure.bpf' }],
    ['verification time 315 usec', { verification: 'markup.bold.summary.bpf' }],
    [
      'processed 25 insns (limit 1000000) max_states_per_insn 0 total_states 2',
      { processed: 'markup.bold.summary.bpf', total_states: '!invalid' },
    ],
  ]));

test('BPF assembly of llvm-objdump', () =>
  check('source.bpf-asm', [
    ['bad.o:\tfile format elf64-bpf', { 'file format': 'keyword.other.bpf', 'elf64-bpf': 'constant.other.format.bpf' }],
    ['Disassembly of section xdp:', { xdp: 'entity.name.section.bpf' }],
    ['0000000000000090 <LBB0_2>:', { LBB0_2: 'entity.name.function.bpf' }],
    [';   u64 *v = bpf_map_lookup_elem(&m, &k);', { bpf_map_lookup_elem: 'comment.line.source.bpf' }],
    [
      '       6:\t18 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00\tr1 = 0 ll',
      { '18 01 00': 'comment.block.opcode.bpf', r1: 'variable.language.register.bpf', ll: 'keyword.other.bpf' },
    ],
    [
      '\t\t0000000000000030:  R_BPF_64_64\tm',
      { R_BPF_64_64: 'support.type.relocation.bpf', m: 'variable.other.symbol.bpf' },
    ],
    [
      '      10:\t15 06 07 00 00 00 00 00\tif r6 == 0 goto +7 <LBB0_2>',
      { goto: 'keyword.control.goto.bpf', '+7': 'constant.numeric.target.bpf', LBB0_2: 'entity.name.label.bpf' },
    ],
    [
      '      15:\tc7 00 00 00 20 00 00 00\tr0 s>>= 32',
      { 's>>=': 'keyword.operator.bpf', '32': 'constant.numeric.bpf' },
    ],
    ['      16:\t85 10 00 00 ff ff ff ff\tcall -1', { call: 'keyword.control.call.bpf' }],
  ]));

test('BPF assembly of bpftool', () =>
  check('source.bpf-asm', [
    ['int parse(struct xdp_md * ctx):', { parse: 'entity.name.function.bpf' }],
    [
      '; .end = (void *)(long)ctx->data_end, [file:/src/xdp_parse.h line_num:121 line_col:29]',
      {
        '.end': 'comment.line.source.bpf',
        '/src/xdp_parse.h': 'string.unquoted.file.bpf',
        '121': 'constant.numeric.line.bpf',
      },
    ],
    [
      '   8: (16) if w4 == 0xa888 goto pc+1',
      { w4: 'variable.language.register.bpf', '0xa888': 'constant.numeric.bpf', if: 'keyword.control.bpf' },
    ],
    ['  42: (18) r1 = map[id:167]', { map: 'support.type.map.bpf', 'id:167': 'constant.other.map.bpf' }],
    ['  51: (05) goto pc+1', { goto: 'keyword.control.goto.bpf' }],
    ['  52: (95) exit', { exit: 'keyword.control.return.bpf' }],
  ]));

test('BPF assembly of XDP: Show Disassembly', () =>
  check('source.bpf-asm', [
    ['; xdp_firewall, section xdp', { xdp_firewall: 'comment.line.source.bpf' }],
    ['xdp_firewall:', { xdp_firewall: 'entity.name.function.bpf' }],
    ['; return XDP_DROP; @ xdp_firewall.bpf.c:42', { 'xdp_firewall.bpf.c': 'string.unquoted.file.bpf' }],
    ['  L3:', { L3: 'entity.name.label.bpf' }],
    ['    14: if r1 > r2 goto L5', { L5: 'entity.name.label.bpf', '14': 'entity.name.tag.instruction.bpf' }],
    [
      '    1,234x 45: call bpf_map_lookup_elem  ; helper 1',
      {
        '1,234x': 'constant.numeric.count.bpf',
        bpf_map_lookup_elem: 'support.function.helper.bpf',
        'helper 1': 'comment.line.note.bpf',
      },
    ],
    [
      '      +0x1c  movzwq  0xc(%rdi), %r13',
      { '+0x1c': 'entity.name.tag.instruction.bpf', movzwq: 'keyword.mnemonic.bpf', r13: 'variable.language.register' },
    ],
  ]));

test('every grammar file is valid and names a scope of its own', () => {
  const folder = join(repository, 'syntaxes');
  const scopes = readdirSync(folder)
    .filter((name) => name.endsWith('.tmLanguage.json'))
    .map((name) => (JSON.parse(readFileSync(join(folder, name), 'utf8')) as { scopeName: string }).scopeName);
  expect(scopes.toSorted()).toEqual(['bpf-c.injection', 'source.bpf-asm', 'source.bpf-verifier-log']);
});
