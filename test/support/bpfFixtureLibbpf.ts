import koffi from 'koffi';

/** What libbpf itself says about an object. Opening needs no privilege: nothing is loaded. */
export interface LibbpfObject {
  programs: { name: string; section: string; type: string; insns: number }[];
  maps: { name: string; type: string; keySize: number; valueSize: number; maxEntries: number; flags: number }[];
}

const lib = koffi.load('libbpf.so.1');
const setPrint = lib.func('void *libbpf_set_print(void *fn)');
const openMem = lib.func('void *bpf_object__open_mem(const void *buf, size_t size, const void *opts)');
const close = lib.func('void bpf_object__close(void *obj)');
const nextProgram = lib.func('void *bpf_object__next_program(const void *obj, void *prog)');
const nextMap = lib.func('void *bpf_object__next_map(const void *obj, const void *map)');
const programName = lib.func('const char *bpf_program__name(const void *prog)');
const programSection = lib.func('const char *bpf_program__section_name(const void *prog)');
const programType = lib.func('int bpf_program__type(const void *prog)');
const programInsns = lib.func('size_t bpf_program__insn_cnt(const void *prog)');
const typeString = lib.func('const char *libbpf_bpf_prog_type_str(int type)');
const mapTypeString = lib.func('const char *libbpf_bpf_map_type_str(int type)');
const mapName = lib.func('const char *bpf_map__name(const void *map)');
const mapIsInternal = lib.func('bool bpf_map__is_internal(const void *map)');
const mapType = lib.func('int bpf_map__type(const void *map)');
const mapKeySize = lib.func('uint32_t bpf_map__key_size(const void *map)');
const mapValueSize = lib.func('uint32_t bpf_map__value_size(const void *map)');
const mapMaxEntries = lib.func('uint32_t bpf_map__max_entries(const void *map)');
const mapFlags = lib.func('uint32_t bpf_map__map_flags(const void *map)');
const typeByName = lib.func('int libbpf_prog_type_by_name(const char *name, _Out_ int *type, _Out_ int *attach)');

/** undefined when libbpf refuses to open it. */
export function openWithLibbpf(bytes: Uint8Array): LibbpfObject | undefined {
  setPrint(null);
  const object: unknown = openMem(Buffer.from(bytes), bytes.length, null);
  if (object === null) return undefined;
  try {
    const result: LibbpfObject = { programs: [], maps: [] };
    for (let at: unknown = nextProgram(object, null); at !== null; at = nextProgram(object, at)) {
      const type = String(typeString(programType(at)));
      const insns = Number(programInsns(at));
      result.programs.push({ name: String(programName(at)), section: String(programSection(at)), type, insns });
    }
    for (let at: unknown = nextMap(object, null); at !== null; at = nextMap(object, at)) {
      const name = String(mapName(at));
      result.maps.push({
        // The maps of .data, .bss and .rodata carry a prefix of the object's name, which comes from a file name.
        name: mapIsInternal(at) === true ? name.slice(name.indexOf('.')) : name,
        type: String(mapTypeString(mapType(at))),
        keySize: Number(mapKeySize(at)),
        valueSize: Number(mapValueSize(at)),
        maxEntries: Number(mapMaxEntries(at)),
        flags: Number(mapFlags(at)),
      });
    }
    return result;
  } finally {
    close(object);
  }
}

/** libbpf's short type name for a section; `unspec` when it knows none. */
export function libbpfSectionType(section: string): string {
  setPrint(null);
  const type = [0];
  const attach = [0];
  return Number(typeByName(section, type, attach)) === 0 ? String(typeString(type[0])) : 'unspec';
}
