import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportBpfman } from '../../extension/core/bpfman/exportBpfman.ts';
import { toYaml, type YamlValue } from '../../extension/core/bpfman/yaml.ts';
import { parseObject } from '../../extension/core/object/parseObject.ts';
import { compileFile, project, repository } from '../support/toolchain.ts';

/** Python's YAML reader, which we did not write. */
function readYaml(text: string): unknown {
  const code = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))';
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', code], { encoding: 'utf8', input: text }));
}

const values: YamlValue[] = [
  { a: 1, b: [1, 2, { c: 'x', d: [] }], e: {}, f: { g: { h: 'deep' } } },
  [
    'yes',
    'no',
    'true',
    'null',
    '~',
    '',
    '1',
    '1.5',
    '0x10',
    '1e3',
    '- x',
    'a: b',
    '#no',
    'a #b',
    '"',
    "'",
    ' x ',
    'ü\n\t',
  ],
  { 'key with: colon': 'v', yes: 'no', '1': true },
  [[1, [2, 3]], [{ a: 'b', c: [4] }]],
];

test.each(values.map((value) => [value]))('what is written as YAML is read as it was: %j', (value) => {
  expect(readYaml(toYaml(value))).toEqual(value);
});

async function specOf(source: string): Promise<ReturnType<typeof parseObject>> {
  const output = join(project(), 'out.o');
  await compileFile(join(repository, 'bpf/examples', source), { output });
  return parseObject(readFileSync(output));
}
const base = { objectFile: 'x.bpf.o', image: 'registry.example/me/x:v1', name: 'x' };

test('XDP and tc programs are attached to the interfaces that were named, and the image says what it holds', async () => {
  const spec = await specOf('metadata/xdp_metadata.bpf.c');
  const { containerfile, resource, programs } = exportBpfman({ ...base, spec, interfaces: ['eth0', 'eth1'] });
  expect(programs).toEqual(['xdp_classify', 'tc_mark']);
  const link = { interfaceSelector: { interfaces: ['eth0', 'eth1'] }, priority: 55 };
  expect(readYaml(resource)).toMatchObject({
    apiVersion: 'bpfman.io/v1alpha1',
    kind: 'ClusterBpfApplication',
    spec: {
      byteCode: { image: { url: base.image } },
      programs: [
        { name: 'xdp_classify', type: 'XDP', xdp: { links: [link] } },
        { name: 'tc_mark', type: 'TC', tc: { links: [{ ...link, direction: 'Ingress' }] } },
      ],
    },
  });
  const labels = [...containerfile.matchAll(/^LABEL ([\w.]+)=(".*")$/gm)].map(([, label, text]) => [
    label,
    JSON.parse(JSON.parse(text ?? '') as string) as unknown,
  ]);
  expect(Object.fromEntries(labels)).toEqual({
    'io.ebpf.programs': { xdp_classify: 'xdp', tc_mark: 'tc' },
    'io.ebpf.maps': { classified: 'per_cpu_array', marked: 'per_cpu_array' },
  });
});

test('one program of several, on the primary interface of every node', async () => {
  const spec = await specOf('multi/xdp_multi.bpf.c');
  const { resource } = exportBpfman({ ...base, spec, programs: ['xdp_drop'] });
  expect(readYaml(resource)).toMatchObject({
    spec: {
      programs: [{ name: 'xdp_drop', xdp: { links: [{ interfaceSelector: { primaryNodeInterface: true } }] } }],
    },
  });
});

test.each([
  [{ image: 'no spaces here' }, /no reference of an image/],
  [{ image: 'a\nRUN evil' }, /no reference of an image/],
  [{ name: 'Upper_Case' }, /no name of a Kubernetes resource/],
  [{ interfaces: ['eth0; rm'] }, /no name of an interface/],
  [{ programs: ['nobody'] }, /no program nobody/],
])('%j is refused', async (wrong, message) => {
  const spec = await specOf('multi/xdp_multi.bpf.c');
  expect(() => exportBpfman({ ...base, spec, ...wrong })).toThrow(message);
});

test('a program whose name the resource does not take is refused', async () => {
  const spec = await specOf('pass/xdp_pass.bpf.c');
  const renamed = { ...spec, programs: spec.programs.map((program) => ({ ...program, name: '_x' })) };
  expect(() => exportBpfman({ ...base, spec: renamed })).toThrow(/no program named _x/);
});
