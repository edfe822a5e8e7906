/** A mistake that can be seen while one types. Offsets in the source. */
export interface Finding {
  code:
    | 'byte-order'
    | 'unchecked-packet'
    | 'stale-pointer'
    | 'map-size'
    | 'licence'
    | 'kernel-too-old'
    | 'deprecated'
    /** Not wrong, but slow. */
    | 'hot-printk';
  message: string;
  start: number;
  end: number;
}
