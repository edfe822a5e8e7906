import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exportBpfman } from '../../core/bpfman/exportBpfman.ts';
import { XdpError } from '../../core/errors.ts';
import { writeError } from '../../session/userFiles.ts';
import { t } from '../../core/text/language.ts';
import { openObject } from '../../session/bpfObject.ts';
import { parse, type Verb } from '../command.ts';

export const bpfman: Verb = {
  summary: 'write the image build and the Kubernetes resource that roll a program out with bpfman',
  usage: 'bpfman FILE.(c|o) --image IMAGE [--prog NAME]… [--iface IF]… [--name NAME] [-o DIR]',
  async run(args, { output, build }) {
    const { values, positionals } = parse(
      this.usage,
      args,
      {
        image: { type: 'string' },
        prog: { type: 'string', multiple: true },
        iface: { type: 'string', multiple: true },
        name: { type: 'string' },
        output: { type: 'string', short: 'o', default: '.' },
      },
      { min: 1, max: 1 },
    );
    if (values.image === undefined) {
      throw new XdpError('usage', 'No image was named.', { fix: `Usage: xdp ${this.usage}` });
    }
    const { elf, spec, name } = await openObject(positionals[0] ?? '', build);
    const objectFile = `${name}.bpf.o`;
    const exported = exportBpfman({
      spec,
      objectFile,
      image: values.image,
      name: values.name ?? name.toLowerCase().replaceAll('_', '-'),
      ...(values.prog === undefined ? {} : { programs: values.prog }),
      ...(values.iface === undefined ? {} : { interfaces: values.iface }),
    });
    const written: [string, string | Uint8Array][] = [
      [objectFile, elf],
      ['Containerfile.bytecode', exported.containerfile],
      ['bpfman.yaml', exported.resource],
    ];
    const files = written.map(([file]) => path.resolve(values.output, file));
    for (const [index, [, content]] of written.entries()) {
      await writeFile(files[index] ?? '', content).catch((cause: unknown) => {
        throw writeError(files[index] ?? '', cause);
      });
    }
    output.result({ ok: true, files, programs: exported.programs, image: values.image }, () =>
      [
        ...files,
        '',
        t('Next:'),
        `  docker build -f Containerfile.bytecode -t ${values.image} . && docker push ${values.image}`,
        '  kubectl apply -f bpfman.yaml',
      ].join('\n'),
    );
    return 0;
  },
};
