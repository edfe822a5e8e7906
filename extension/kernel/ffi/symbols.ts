import { inBackground, lazyFunction, type Library, type Pointer } from './library.ts';

/**
 * The libbpf 1.0 functions in use. Those that return an int answer -errno (libbpf ≥ 1.0); those that return a pointer
 * answer NULL and set errno. Pointers to objects belong to their object.
 */
export function libbpfSymbols(library: Library) {
  const bind = <F extends (...args: never[]) => unknown>(signature: string): F =>
    lazyFunction<F>(() => library, signature);
  return {
    majorVersion: bind<() => number>('uint32_t libbpf_major_version()'),
    minorVersion: bind<() => number>('uint32_t libbpf_minor_version()'),
    setPrint: bind<(callback: Pointer | null) => Pointer | null>('void *libbpf_set_print(void *callback)'),
    programTypeName: bind<(type: number) => string | null>('const char *libbpf_bpf_prog_type_str(int type)'),

    /** Caller closes the object. The bytes are read during the call only. */
    objectOpenMem: bind<(bytes: Uint8Array, size: number, opts: Uint8Array) => Pointer | null>(
      'void *bpf_object__open_mem(const void *bytes, size_t size, const void *opts)',
    ),
    /** On another thread; libbpf's print callback then comes through the event loop. */
    objectLoad: inBackground<[object: Pointer]>(library, 'int bpf_object__load(void *object)'),
    objectClose: bind<(object: Pointer) => void>('void bpf_object__close(void *object)'),
    objectNextProgram: bind<(object: Pointer, previous: Pointer | null) => Pointer | null>(
      'void *bpf_object__next_program(const void *object, void *previous)',
    ),
    objectNextMap: bind<(object: Pointer, previous: Pointer | null) => Pointer | null>(
      'void *bpf_object__next_map(const void *object, const void *previous)',
    ),

    /** The object keeps the fd. */
    objectBtfFd: bind<(object: Pointer) => number>('int bpf_object__btf_fd(const void *object)'),

    programName: bind<(program: Pointer) => string>('const char *bpf_program__name(const void *program)'),
    programSection: bind<(program: Pointer) => string>('const char *bpf_program__section_name(const void *program)'),
    programType: bind<(program: Pointer) => number>('int bpf_program__type(const void *program)'),
    programSetType: bind<(program: Pointer, type: number) => number>(
      'int bpf_program__set_type(void *program, int type)',
    ),
    programSetAttachType: bind<(program: Pointer, type: number) => number>(
      'int bpf_program__set_expected_attach_type(void *program, int type)',
    ),
    programAutoload: bind<(program: Pointer) => boolean>('bool bpf_program__autoload(const void *program)'),
    programSetAutoload: bind<(program: Pointer, load: boolean) => number>(
      'int bpf_program__set_autoload(void *program, bool load)',
    ),
    programSetLogLevel: bind<(program: Pointer, level: number) => number>(
      'int bpf_program__set_log_level(void *program, uint32_t level)',
    ),
    /** libbpf keeps the pointer until load. */
    programSetLogBuf: bind<(program: Pointer, buffer: Pointer, size: number) => number>(
      'int bpf_program__set_log_buf(void *program, void *buffer, size_t size)',
    ),
    /** The object keeps the fd. */
    programFd: bind<(program: Pointer) => number>('int bpf_program__fd(const void *program)'),

    mapName: bind<(map: Pointer) => string>('const char *bpf_map__name(const void *map)'),
    /** The object keeps the fd. */
    mapFd: bind<(map: Pointer) => number>('int bpf_map__fd(const void *map)'),
    mapType: bind<(map: Pointer) => number>('int bpf_map__type(const void *map)'),
    mapKeySize: bind<(map: Pointer) => number>('uint32_t bpf_map__key_size(const void *map)'),
    mapValueSize: bind<(map: Pointer) => number>('uint32_t bpf_map__value_size(const void *map)'),
    mapReuseFd: bind<(map: Pointer, fd: number) => number>('int bpf_map__reuse_fd(void *map, int fd)'),
    mapPinPath: bind<(map: Pointer) => string | null>('const char *bpf_map__pin_path(const void *map)'),
    mapSetPinPath: bind<(map: Pointer, path: null) => number>('int bpf_map__set_pin_path(void *map, const char *path)'),

    infoByFd: bind<(fd: number, info: Uint8Array, size: Uint8Array) => number>(
      'int bpf_obj_get_info_by_fd(int fd, void *info, void *size)',
    ),
    fdById: {
      program: bind<(id: number) => number>('int bpf_prog_get_fd_by_id(uint32_t id)'),
      map: bind<(id: number) => number>('int bpf_map_get_fd_by_id(uint32_t id)'),
      btf: bind<(id: number) => number>('int bpf_btf_get_fd_by_id(uint32_t id)'),
      link: bind<(id: number) => number>('int bpf_link_get_fd_by_id(uint32_t id)'),
    },
    nextId: {
      program: bind<(id: number, next: Uint8Array) => number>('int bpf_prog_get_next_id(uint32_t id, void *next)'),
      map: bind<(id: number, next: Uint8Array) => number>('int bpf_map_get_next_id(uint32_t id, void *next)'),
      btf: bind<(id: number, next: Uint8Array) => number>('int bpf_btf_get_next_id(uint32_t id, void *next)'),
      link: bind<(id: number, next: Uint8Array) => number>('int bpf_link_get_next_id(uint32_t id, void *next)'),
    },

    pin: bind<(fd: number, path: string) => number>('int bpf_obj_pin(int fd, const char *path)'),
    /** Caller closes the fd. */
    openPin: bind<(path: string) => number>('int bpf_obj_get(const char *path)'),
    /** Caller closes the fd. */
    linkCreate: bind<(programFd: number, target: number, type: number, opts: Uint8Array | null) => number>(
      'int bpf_link_create(int program, int target, int type, const void *opts)',
    ),
    linkUpdate: bind<(fd: number, programFd: number, opts: Uint8Array) => number>(
      'int bpf_link_update(int fd, int program, const void *opts)',
    ),
    /** libbpf ≥ 0.0.9. Caller closes the fd; the kernel counts while it is open. */
    enableStats: bind<(type: number) => number>('int bpf_enable_stats(int type)'),
    /** Caller closes the fd. */
    programLoad: bind<
      (
        type: number,
        name: string,
        license: string,
        code: Uint8Array,
        instructions: number,
        opts: Uint8Array | null,
      ) => number
    >(
      'int bpf_prog_load(int type, const char *name, const char *license, const void *code, size_t instructions, void *opts)',
    ),
    /** Caller closes the fd; the program runs while it is open. */
    rawTracepointOpen: bind<(name: string, programFd: number) => number>(
      'int bpf_raw_tracepoint_open(const char *name, int program)',
    ),
    /** libbpf ≥ 0.0.9. Caller closes the fd; reading it runs the program of the link for each of its kind. */
    iterCreate: bind<(linkFd: number) => number>('int bpf_iter_create(int link)'),

    /** The types of the running kernel; the caller frees them. NULL where it has none. */
    vmlinuxBtf: bind<() => Pointer | null>('void *btf__load_vmlinux_btf()'),
    btfFree: bind<(btf: Pointer) => void>('void btf__free(void *btf)'),
    /** A type id; -ENOENT where there is none. */
    btfFind: bind<(btf: Pointer, name: string, kind: number) => number>(
      'int btf__find_by_name_kind(const void *btf, const char *name, uint32_t kind)',
    ),
    /** A struct btf_type with what follows it, the BTF's own. */
    btfType: bind<(btf: Pointer, id: number) => Pointer | null>(
      'const void *btf__type_by_id(const void *btf, uint32_t id)',
    ),
    btfName: bind<(btf: Pointer, offset: number) => string | null>(
      'const char *btf__name_by_offset(const void *btf, uint32_t offset)',
    ),
    linkDetach: bind<(fd: number) => number>('int bpf_link_detach(int fd)'),

    tcHookCreate: bind<(hook: Uint8Array) => number>('int bpf_tc_hook_create(void *hook)'),
    tcHookDestroy: bind<(hook: Uint8Array) => number>('int bpf_tc_hook_destroy(void *hook)'),
    /** Fills in handle and priority. */
    tcAttach: bind<(hook: Uint8Array, opts: Uint8Array) => number>('int bpf_tc_attach(const void *hook, void *opts)'),
    tcDetach: bind<(hook: Uint8Array, opts: Uint8Array) => number>(
      'int bpf_tc_detach(const void *hook, const void *opts)',
    ),

    /** Fills the opts in place. */
    testRun: bind<(fd: number, opts: Uint8Array) => number>('int bpf_prog_test_run_opts(int program, void *opts)'),

    testRunInBackground: inBackground<[fd: number, opts: Uint8Array]>(
      library,
      'int bpf_prog_test_run_opts(int program, void *opts)',
    ),

    /** Caller closes the fd. */
    mapCreate: bind<
      (type: number, name: string, key: number, value: number, entries: number, opts: Uint8Array | null) => number
    >(
      'int bpf_map_create(int type, const char *name, uint32_t key, uint32_t value, uint32_t entries, const void *opts)',
    ),
    mapLookup: bind<(fd: number, key: Uint8Array | null, value: Uint8Array) => number>(
      'int bpf_map_lookup_elem(int fd, const void *key, void *value)',
    ),
    mapUpdate: bind<(fd: number, key: Uint8Array | null, value: Uint8Array, flags: number) => number>(
      'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)',
    ),
    mapDelete: bind<(fd: number, key: Uint8Array) => number>('int bpf_map_delete_elem(int fd, const void *key)'),
    mapNextKey: bind<(fd: number, key: Uint8Array | null, next: Uint8Array) => number>(
      'int bpf_map_get_next_key(int fd, const void *key, void *next)',
    ),
    /** Callbacks must stay registered until the buffer is freed, which the caller does. Libbpf ≥ 0.7 for this perf_buffer__new. */
    ringBufferNew: bind<(mapFd: number, sample: Pointer, context: null, opts: null) => Pointer | null>(
      'void *ring_buffer__new(int map, void *sample, void *context, const void *opts)',
    ),
    ringBufferConsume: bind<(buffer: Pointer) => number>('int ring_buffer__consume(void *buffer)'),
    ringBufferFree: bind<(buffer: Pointer) => void>('void ring_buffer__free(void *buffer)'),
    perfBufferNew: bind<
      (mapFd: number, pages: number, sample: Pointer, lost: Pointer, context: null, opts: null) => Pointer | null
    >('void *perf_buffer__new(int map, size_t pages, void *sample, void *lost, void *context, const void *opts)'),
    perfBufferConsume: bind<(buffer: Pointer) => number>('int perf_buffer__consume(void *buffer)'),
    perfBufferFree: bind<(buffer: Pointer) => void>('void perf_buffer__free(void *buffer)'),

    mapLookupBatch: bind<
      (
        fd: number,
        from: Uint8Array | null,
        to: Uint8Array,
        keys: Uint8Array,
        values: Uint8Array,
        count: Uint8Array,
        opts: null,
      ) => number
    >(
      'int bpf_map_lookup_batch(int fd, const void *from, void *to, void *keys, void *values, void *count, const void *opts)',
    ),
  };
}

export type LibbpfSymbols = ReturnType<typeof libbpfSymbols>;
