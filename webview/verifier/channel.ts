import { type FromVerifierView, toVerifierView } from '../../extension/protocol/verifierView.ts';
import { openChannel } from '../common/channel.ts';

/** The page's one channel; made before the view's element is defined, since that element stands in the page already. */
export const channel = openChannel<typeof toVerifierView, FromVerifierView>(toVerifierView);
