import { build } from './webviewHarnessServer.mjs';
import { traceMaps } from './webviewTrace.mjs';
await build(); const r=await traceMaps({seconds:6});
console.log(JSON.stringify(Object.fromEntries(Object.entries(r).map(([k,v])=>[k,Math.round(v*10)/10]))));
