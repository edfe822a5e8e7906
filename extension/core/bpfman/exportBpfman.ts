import { XdpError } from '../errors.ts';
import type { ObjectSpec, ProgramSpec } from '../object/spec.ts';
import { toYaml, type YamlValue } from './yaml.ts';

/** What is written beside the object, to roll it out to a cluster with bpfman. */
export interface BpfmanExport {
  /** Builds the image: `docker build -f Containerfile.bytecode -t IMAGE .`. */
  containerfile: string;
  /** For `kubectl apply`. */
  resource: string;
  /** Those that bpfman is told to attach. */
  programs: string[];
}

export interface BpfmanOptions {
  spec: ObjectSpec;
  /** File name of the object, in the folder where the image is built. */
  objectFile: string;
  /** Reference of the image: `registry/name:tag`. */
  image: string;
  /** Name of the resource: lower case, as Kubernetes wants it. */
  name: string;
  /** Which programs to attach; all that bpfman can attach where left out. */
  programs?: readonly string[];
  /** Interfaces of each node; where left out, the node's primary one. */
  interfaces?: readonly string[];
}

/** Where a program stands among others on the same interface: 0 runs first, 1000 last. bpfman's own samples take 55. */
const priority = 55;
/** The word of the image's labels for libbpf's program type. */
const kinds: Readonly<Record<string, 'xdp' | 'tc'>> = { xdp: 'xdp', sched_cls: 'tc' };

/**
 * The image holds the object and two labels that list what is in it; the resource is bpfman's `ClusterBpfApplication`
 * (bpfman.io/v1alpha1, operator 0.6: config/crd/bases/bpfman.io_clusterbpfapplications.yaml). Fails with `usage` on names that Kubernetes or a container registry would refuse.
 */
export function exportBpfman(options: BpfmanOptions): BpfmanExport {
  const { spec, objectFile, image, name } = options;
  requireNames(options);
  const programs = choosePrograms(spec, options.programs);
  const labels = {
    'io.ebpf.programs': Object.fromEntries(programs.map((program) => [program.name, kindOf(program)])),
    'io.ebpf.maps': Object.fromEntries(
      spec.maps.filter(({ globalData }) => !globalData).map((map) => [map.name, bpfmanMapType(map.type)]),
    ),
  };
  const containerfile = [
    '# Bytecode image for bpfman: the object and, in labels, what is in it.',
    `# docker build -f Containerfile.bytecode -t ${image} .`,
    'FROM scratch',
    `COPY ${JSON.stringify([objectFile, '/'])}`,
    ...Object.entries(labels).map(([label, value]) => `LABEL ${label}=${JSON.stringify(JSON.stringify(value))}`),
    '',
  ].join('\n');
  const resource = toYaml({
    apiVersion: 'bpfman.io/v1alpha1',
    kind: 'ClusterBpfApplication',
    metadata: { name, labels: { 'app.kubernetes.io/name': name } },
    spec: {
      nodeSelector: {},
      byteCode: { image: { url: image, imagePullPolicy: 'IfNotPresent' } },
      programs: programs.map((program) => programResource(program, options.interfaces ?? [])),
    },
  });
  return { containerfile, resource, programs: programs.map((program) => program.name) };
}

function programResource(program: ProgramSpec, interfaces: readonly string[]): YamlValue {
  const interfaceSelector: YamlValue = interfaces.length === 0 ? { primaryNodeInterface: true } : { interfaces };
  const kind = kindOf(program);
  const link = { interfaceSelector, priority };
  return kind === 'xdp'
    ? { name: program.name, type: 'XDP', xdp: { links: [link] } }
    : { name: program.name, type: 'TC', tc: { links: [{ ...link, direction: 'Ingress' }] } };
}

function kindOf(program: ProgramSpec): 'xdp' | 'tc' {
  const kind = kinds[program.type];
  if (!nameRules.program.test(program.name)) {
    throw new XdpError('usage', `bpfman takes no program named ${program.name}.`, {
      fix: 'A name for it has 3 to 64 letters, digits and underscores, and begins with a letter.',
    });
  }
  // Programs that run on redirected frames are loaded with the maps that name them, never attached.
  if (kind !== undefined && !/^xdp(\.frags)?\/(devmap|cpumap)/.test(program.section)) return kind;
  throw new XdpError('usage', `bpfman cannot attach ${program.name} (section ${program.section}) to an interface.`, {
    fix: 'Choose XDP or tc programs.',
  });
}

function choosePrograms(spec: ObjectSpec, wanted: readonly string[] | undefined): ProgramSpec[] {
  if (wanted === undefined) {
    const all = spec.programs.filter(
      ({ type, section }) => kinds[type] !== undefined && !/\/(devmap|cpumap)/.test(section),
    );
    if (all.length > 0) return all;
    throw new XdpError('program-not-found', 'The object holds no XDP or tc program to attach.');
  }
  return wanted.map((name) => {
    const found = spec.programs.find((program) => program.name === name);
    if (found !== undefined) return found;
    throw new XdpError('program-not-found', `There is no program ${name} in the object.`, {
      fix: `Programs: ${spec.programs.map((program) => program.name).join(', ')}.`,
    });
  });
}

/** libbpf says percpu_array, bpfman (and aya) per_cpu_array. */
function bpfmanMapType(type: string): string {
  return type.replace('percpu', 'per_cpu');
}

/** RFC 1123, section 2.1, as Kubernetes reads it; the grammar of an image reference; IFNAMSIZ of include/uapi/linux/if.h. */
const nameRules = {
  resource: /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
  image: /^[\w.-]+(:\d+)?(\/[\w.-]+)*(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$/,
  interface: /^[^\s/:]{1,15}$/,
  /** As the resource's definition has it. */
  program: /^[a-zA-Z]\w{2,63}$/,
} as const;

function requireNames({ name, image, interfaces = [] }: BpfmanOptions): void {
  const wrong =
    (!nameRules.resource.test(name) && `${name} is no name of a Kubernetes resource`) ||
    (!nameRules.image.test(image) && `${image} is no reference of an image`) ||
    interfaces.filter((each) => !nameRules.interface.test(each)).map((each) => `${each} is no name of an interface`)[0];
  if (!wrong) return;
  throw new XdpError('usage', `${wrong}.`, {
    fix: 'Names: lower-case letters, digits, dots and dashes. Images: REGISTRY/NAME:TAG.',
  });
}
