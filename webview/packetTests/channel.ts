import { type FromTestEditor, toTestEditor } from '../../extension/protocol/packetTestEditor.ts';
import { openChannel } from '../common/channel.ts';

/** The page's one channel; made before the editor's element is defined, since that element stands in the page already. */
export const channel = openChannel<typeof toTestEditor, FromTestEditor>(toTestEditor);
