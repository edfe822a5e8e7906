/** Where the user chooses how the helper gets its rights, in the editor and in the terminal. */
export const elevationSetting = 'elevation (setting xdp.elevation, in the terminal XDP_ELEVATION)';
