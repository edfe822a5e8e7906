import type { FromMapsView, ToMapsView } from '../../protocol/webview.ts';
import { XdpError } from '../../core/errors.ts';
import type { LiveAttachment } from '../../session/attach/attachments.ts';
import type { OpenMap } from '../../session/maps/maps.ts';
import type { Services } from '../services.ts';
import { MapAnswers, type Question } from './mapAnswers.ts';

/** A view asks one thing after the other; more than this at once is no view of ours. */
const maxParked = 16;

/**
 * One view's side of the host: the maps of this window's attachments, the types of the chosen one, and answers to what the
 * view asks about it. It never reads by itself, and while the view is not visible it does not answer: nothing is read then.
 */
export class MapFeed {
  readonly #services: Services;
  readonly #post: (message: ToMapsView) => void;
  readonly #subscription: { dispose(): void };
  #selected: number | undefined;
  #answers: MapAnswers | undefined;
  #visible = false;
  #parked: Question[] = [];

  constructor(services: Services, post: (message: ToMapsView) => void) {
    this.#services = services;
    this.#post = post;
    this.#subscription = services.attachments.onDidChange((event) => {
      if (event.kind === 'counting' || event.kind === 'confirmed') return;
      if (event.kind === 'attached') {
        this.#selected = event.attachment.maps[0]?.info.id ?? this.#selected;
        this.#post({ kind: 'clearProblem' });
      }
      this.sendMaps();
    });
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#answers?.close();
    this.#answers = undefined;
    this.#parked = [];
  }

  set visible(visible: boolean) {
    this.#visible = visible;
    if (!visible) return;
    const parked = this.#parked;
    this.#parked = [];
    for (const question of parked) void this.#answer(question);
  }

  receive(message: FromMapsView): void {
    switch (message.kind) {
      case 'ready':
        this.sendMaps();
        return;
      case 'select':
        this.#selected = message.mapId;
        this.#sendSchema();
        return;
      case 'arrange':
      case 'rows':
      case 'peek':
      case 'lookup':
        void this.#answer(message);
        return;
      case 'action':
        return; // The owner of the view runs commands.
    }
  }

  sendMaps(): void {
    const owned = this.#owned();
    if (!owned.some(({ map }) => map.info.id === this.#selected)) this.#selected = owned[0]?.map.info.id;
    this.#post({
      kind: 'maps',
      attached: this.#services.attachments.live.length,
      maps: owned.map(({ live, map }) => ({
        id: map.info.id,
        name: map.info.name,
        type: map.info.type,
        keySize: map.info.keySize,
        valueSize: map.info.valueSize,
        maxEntries: map.info.maxEntries,
        frozen: map.info.frozen,
        group: `${live.program} on ${live.iface} (${live.mode})`,
      })),
      ...(this.#selected === undefined ? {} : { selected: this.#selected }),
    });
    this.#sendSchema();
  }

  #owned(): { live: LiveAttachment; map: OpenMap }[] {
    return this.#services.attachments.live.flatMap((live) => live.maps.map((map) => ({ live, map })));
  }

  #sendSchema(): void {
    const map = this.#open()?.map;
    if (map !== undefined) this.#post(schemaMessage(map));
  }

  /** The chosen map. Another object of the same map is another helper's, or has other types. */
  #open(): MapAnswers | undefined {
    const found = this.#owned().find(({ map }) => map.info.id === this.#selected);
    if (found?.map === this.#answers?.map) return this.#answers;
    this.#answers?.close();
    this.#answers = found === undefined ? undefined : new MapAnswers(found.live.client, found.map);
    return this.#answers;
  }

  async #answer(question: Question): Promise<void> {
    if (!this.#visible) {
      if (this.#parked.length < maxParked) this.#parked.push(question);
      return;
    }
    const answers = this.#open();
    if (answers?.map.info.id !== question.mapId) return;
    const answer = await answers.answer(question);
    if (answer.kind === 'refused' && answer.code === ('map-not-found' satisfies XdpError['code'])) {
      this.#post({ kind: 'gone', mapId: question.mapId, reason: answer.message });
    }
    this.#post(answer);
  }
}

/** What a view needs to decode pages by itself. */
export function schemaMessage(map: OpenMap): Extract<ToMapsView, { kind: 'schema' }> {
  const { id, name, type, keySize, valueSize, maxEntries, btfKeyTypeId, btfValueTypeId } = map.info;
  return {
    kind: 'schema',
    mapId: id,
    type,
    name,
    keySize,
    valueSize,
    maxEntries,
    ...(map.btf ? { btf: map.btf } : {}),
    keyTypeId: btfKeyTypeId,
    valueTypeId: btfValueTypeId,
    possibleCpus: [...map.schema.possibleCpus],
  };
}
