import { type Helper, markdown } from './helpers.ts';

/**
 * The helpers as libbpf's bpf_helper_defs.h has them: for where there is no <linux/bpf.h>, on another system or in a page. It is
 * made from the same comment, by scripts/bpf_doc.py.
 */
export function parseHelperDefs(text: string): Map<string, Helper> {
  const helpers = new Map<string, Helper>();
  const declaration =
    /\/\*\n((?: \*.*\n)*?) \*\/\nstatic (?:__bpf_fastcall )?(.+?)\(\* const (bpf_\w+)\)\(([^)]*)\) = \(void \*\) (\d+);/g;
  for (const [, comment = '', returns = '', name = '', parameters = '', id] of text.matchAll(declaration)) {
    // The script escapes what would end the comment.
    const body = comment.replaceAll(/^ \* ?/gm, '').replaceAll('*\\/', '*/');
    const [description = '', returnText = ''] = body.slice(body.indexOf('\n') + 1).split(/^Returns$/m);
    helpers.set(name, {
      name,
      id: Number(id),
      returns: returns.trim(),
      parameters: parameters
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '' && each !== 'void'),
      description: markdown(description.replaceAll(/^\t/gm, '\t\t')),
      returnText: markdown(returnText.replaceAll(/^\t/gm, '\t\t')),
    });
  }
  return helpers;
}
