/** package.json's version, put in by the bundler. */
declare const __XDP_VERSION__: string;
