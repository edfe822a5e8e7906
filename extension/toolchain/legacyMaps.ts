import { findLegacyMaps } from '../core/c/legacyMaps.ts';
import type { Diagnostic } from './diagnostics.ts';

/** clang may well compile a legacy map, and then no libbpf since 1.0 loads it: so it is said here. */
export function legacyMapDiagnostics(source: string, file: string): Diagnostic[] {
  return findLegacyMaps(source).flatMap((map): Diagnostic[] => {
    const place = { file, line: map.line, column: map.column };
    const message = `map '${map.name}' is defined in the legacy form (struct bpf_map_def), which libbpf 1.0 and newer refuse to load`;
    return [
      { ...place, endColumn: map.endColumn, severity: 'warning', message },
      { ...place, severity: 'note', message: ['define it with BTF instead:', map.replacement].join('\n') },
    ];
  });
}
