import { html, nothing, type TemplateResult } from 'lit';
import '../common/notice.ts';
import { fill } from '../common/format.ts';
import type { MapsStore } from './data/mapsStore.ts';
import { strings } from './strings.ts';

/** What went wrong, above what is shown still. */
export function renderProblem(store: MapsStore): TemplateResult | typeof nothing {
  const refused = store.gone === undefined && store.reader?.rows.last !== 0 ? store.reader?.failure : undefined;
  const problem = store.problem ?? refused;
  if (problem === undefined) return nothing;
  const action = 'action' in problem ? problem.action : undefined;
  return html`<xdp-notice
    compact
    kind="error"
    message=${problem.message}
    fix=${problem.fix ?? ''}
    button=${action?.title ?? ''}
    @action=${() => action !== undefined && store.act(action.command)}
  ></xdp-notice>`;
}

/** What is shown stands still, and why: numbers that do not move would be taken for traffic that does not flow. */
export function renderUnused(store: MapsStore): TemplateResult | typeof nothing {
  const { selected } = store;
  const unused = selected?.unused;
  if (selected === undefined || unused === undefined || store.gone !== undefined) return nothing;
  const about = { map: selected.name, id: selected.id };
  const { held, newer } = unused;
  // A map that is pinned for later is nothing to warn of.
  return html`<xdp-notice
    compact
    kind=${held || newer !== undefined ? 'warning' : 'info'}
    message=${fill(held ? strings.unusedHeld : strings.unused, about)}
    fix=${newer === undefined ? '' : fill(strings.newer, { map: selected.name, id: newer })}
    button=${newer === undefined ? '' : strings.openNewer}
    @action=${() => store.openNewer(selected.id)}
  ></xdp-notice>`;
}

/** What the last edit of the whole map came to. */
export function renderOutcome({ editor }: MapsStore): TemplateResult | typeof nothing {
  const outcome = editor?.outcome;
  // What went well is said in the status line.
  if (outcome?.kind !== 'failed') return nothing;
  return html`<xdp-notice
    compact
    kind="error"
    message=${outcome.text}
    button=${strings.dismiss}
    @action=${() => editor?.forget()}
  ></xdp-notice>`;
}

/** What stands in the place of the table when there are no entries; undefined when there are. */
export function contentsNotice(store: MapsStore): TemplateResult | undefined {
  const { reader, over } = store;
  if (over !== undefined) {
    const message = fill(strings.gone, { map: over.name });
    return html`<xdp-notice kind="info" message=${message} fix=${over.reason}></xdp-notice>`;
  }
  // What stands above says how it can be had.
  if (store.stays && store.selected === undefined) return html``;
  if (store.gone !== undefined) {
    const message = fill(strings.gone, { map: store.selected?.name ?? '' });
    return html`<xdp-notice kind="info" message=${message} fix=${store.gone}></xdp-notice>`;
  }
  if (reader === undefined || (reader.arranged === undefined && reader.rowCount === 0)) {
    const failure = reader?.failure;
    if (failure === undefined) return html`<xdp-notice kind="empty" message=${strings.waiting}></xdp-notice>`;
    return html`<xdp-notice kind="info" message=${failure.message} fix=${failure.fix ?? ''}></xdp-notice>`;
  }
  if (reader.arranged?.total !== 0) return undefined;
  const { type } = reader.rows.model.schema;
  const template = /hash|lpm_trie/.test(type) ? strings.emptyHash : strings.emptyOther;
  return html`<xdp-notice kind="empty" message=${fill(template, { type: type.replaceAll('_', ' ') })}></xdp-notice>`;
}
