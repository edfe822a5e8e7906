import { type FromPacketPanel, toPacketPanel } from '../../extension/protocol/webview.ts';
import { openChannel } from '../common/channel.ts';

/** The page's one channel; made before the panel's element is defined, since that element stands in the page already. */
export const channel = openChannel<typeof toPacketPanel, FromPacketPanel>(toPacketPanel);
