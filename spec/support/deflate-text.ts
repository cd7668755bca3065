// The parameters of permessage-deflate as they stand in a header field, for the specs of both roles.

import * as assert from 'uvu/assert';
import type { ExtensionParameters, ReceivedParameters } from '../../lib/extension/extension.ts';
import { parseExtensions } from '../../lib/extension/extension-header.ts';

/** The offers (or the answer) of permessage-deflate in the value of a header field. */
export function parseDeflate(text: string): readonly ReceivedParameters[] {
  const offers = parseExtensions([text])?.get('permessage-deflate') ?? [];
  assert.ok(offers.length > 0, `${text} has no permessage-deflate`);
  return offers.map(({ parameters }) => parameters);
}

/** Parameters to be written, as the value of a header field. Each is true or a number. */
export function writeDeflate(parameters: ExtensionParameters): string {
  let text = 'permessage-deflate';
  for (const [name, value] of Object.entries(parameters)) {
    assert.ok(value === true || typeof value === 'number', `${name} is a ${typeof value}`);
    text += value === true ? `; ${name}` : `; ${name}=${value}`;
  }
  return text;
}
