import { fill } from '../common/format.ts';
import type { MapsStore } from './data/mapsStore.ts';
import type { Row } from './data/rowCache.ts';
import type { MenuItem } from './menuButton.ts';
import { strings } from './strings.ts';

interface ActionRequest {
  store: MapsStore;
  /** The row that the keyboard is at. */
  row: Row | undefined;
  isPlotted: (id: string) => boolean;
  plot: (row: Row) => void;
  /** Without a row: a new entry. */
  edit: (row: Row | undefined) => void;
  unfold: (row: Row) => void;
  canUnfold: boolean;
}

/** What can be done with the map and with its active row. */
export function mapActions(request: ActionRequest): MenuItem[] {
  const { store, row, plot, edit, unfold } = request;
  const { selected, editor, reader } = store;
  if (selected === undefined) return [];
  const model = reader?.rows.model;
  const readOnly = selected.frozen || editor === undefined || selected.shows !== 'entries';
  const isArray = selected.type.endsWith('array');
  const withRow = (label: string, act: (row: Row) => void, more: Partial<MenuItem>): MenuItem => ({
    label,
    ...more,
    disabled: row === undefined || more.disabled === true,
    act: () => {
      if (row !== undefined) act(row);
    },
  });
  const isPlotted = row !== undefined && request.isPlotted(row.id);
  const entries: MenuItem[] = [
    { label: strings.addEntry, disabled: readOnly || isArray, act: () => edit(undefined) },
    withRow(strings.editEntry, edit, { key: 'F2', disabled: readOnly }),
    withRow(strings.deleteEntry, ({ key }) => void editor?.remove(key.bytes.slice(key.base)), {
      key: 'Delete',
      disabled: readOnly || isArray,
    }),
    withRow(isPlotted ? strings.unplotRow : strings.plotRow, plot, {
      key: 'Space',
      disabled: (model?.numericFields.length ?? 0) === 0,
    }),
    ...(request.canUnfold ? [withRow(strings.unfoldRow, unfold, { key: '+' })] : []),
    {
      label: fill(strings.undo, { count: editor?.undoable ?? 0 }),
      separated: true,
      disabled: (editor?.undoable ?? 0) === 0,
      act: () => void editor?.whole('undo'),
    },
    { label: strings.clear, disabled: readOnly, act: () => void editor?.whole('clear') },
    { label: strings.import, disabled: readOnly, act: () => void editor?.whole('import') },
    { label: strings.takeSnapshot, disabled: editor === undefined, act: () => void store.snapshots?.take() },
    { label: strings.export, disabled: editor === undefined, act: () => store.export() },
  ];
  return [
    ...(selected.shows === 'entries' ? entries : []),
    { label: strings.openInEditor, separated: true, act: () => store.openInEditor(selected.id, selected.name) },
    { label: strings.openOther, act: () => store.openOther() },
    ...(selected.borrowed ? [{ label: strings.closeMap, act: () => store.closeMap(selected.id) }] : []),
  ];
}
