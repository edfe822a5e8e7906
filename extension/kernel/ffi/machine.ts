import type { Libbpf } from '../libbpf/port.ts';
import { createNetlink, type Netlink } from '../netlink/client.ts';
import { fileSystem, type System } from '../system/system.ts';
import { bindLibbpf } from './binding.ts';
import {
  closeFd,
  ethtoolDriver,
  interfaceIndex,
  interfaceName,
  netlinkReceive,
  netlinkSend,
  netlinkSocket,
  onCpu,
  watchReadable,
} from './libc.ts';
import { inNetns } from './netns.ts';

export { exitProcess, watchDisconnect } from './libc.ts';

/** The ports on the running machine. Throws `libbpf-missing` or `libbpf-too-old`. */
export function bindMachine(): { libbpf: Libbpf; netlink: Netlink; system: System } {
  return {
    libbpf: bindLibbpf(),
    netlink: createNetlink({
      open: netlinkSocket,
      send: netlinkSend,
      receive: netlinkReceive,
      watch: watchReadable,
      close: closeFd,
    }),
    system: { ...fileSystem, interfaceIndex, interfaceName, driver: ethtoolDriver, onCpu, inNetns },
  };
}
