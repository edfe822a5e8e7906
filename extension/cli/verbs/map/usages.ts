const map = '(ID|NAME|PIN)';

export const usages = {
  read: `map ${map} [--watch MS] [--filter TEXT] [--sort FIELD [--descending]] [--limit N] [--netns NS]`,
  get: `map get ${map} KEY`,
  set: `map set ${map} KEY VALUE [--cpu N]… [--new | --existing]`,
  delete: `map delete ${map} KEY`,
  clear: `map clear ${map}`,
  export: `map export ${map} [--format json|csv|openmetrics|prometheus] [--label NAME=VALUE]… [-o FILE [--watch MS]]`,
  import: `map import ${map} FILE [--format json|csv] [--clear]`,
  snapshot: `map snapshot ${map} [-o FILE]`,
  compare: `map compare BEFORE.json (AFTER.json|${map.slice(1, -1)}) [--test]`,
  events: `map events ${map} --force [--type STRUCT]`,
} as const;

/** Every action on a map takes it. */
export const netnsOption = { netns: { type: 'string' } } as const;
