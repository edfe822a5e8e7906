/**
 * Helpers and kernel functions that may move or resize the packet. Source: net/core/filter.c, bpf_helper_changes_pkt_data();
 * kernel/bpf/verifier.c, is_kfunc_pkt_changing().
 */
export const packetChangers: ReadonlySet<string> = new Set([
  'bpf_xdp_adjust_head',
  'bpf_xdp_adjust_tail',
  'bpf_xdp_adjust_meta',
  'bpf_xdp_pull_data',
  'bpf_skb_vlan_push',
  'bpf_skb_vlan_pop',
  'bpf_skb_store_bytes',
  'bpf_skb_change_proto',
  'bpf_skb_change_head',
  'bpf_skb_change_tail',
  'bpf_skb_adjust_room',
  'bpf_skb_pull_data',
  'bpf_clone_redirect',
  'bpf_l3_csum_replace',
  'bpf_l4_csum_replace',
  'bpf_msg_pull_data',
  'bpf_msg_push_data',
  'bpf_msg_pop_data',
  'bpf_lwt_push_encap',
  'bpf_lwt_seg6_store_bytes',
  'bpf_lwt_seg6_adjust_srh',
  'bpf_lwt_seg6_action',
  'bpf_store_hdr_opt',
  'bpf_tail_call',
]);
