// Counts what echoes of millrace cost, in a process of its own whose platform has counters in it. Prints them as JSON.

import { countedCases, countedForms } from '../support/counted-cases.js';
import { countConnection, countMessages } from '../support/counted-echo.js';
import { installCounters } from '../support/counting.js';
import { handlers } from '../support/echo-handlers.js';

await installCounters();
// Behind the counters: what it keeps of the platform has them.
const { serve } = await import('millrace');

/** @type {Record<string, Record<string, object>>} */
const counted = {};
for (const form of countedForms) {
  const isRaw = form === 'raw';
  const limits = { maxMessageSize: 16 * 1024 * 1024 };
  const server = await serve({ raw: isRaw, limits, userContext: { onError: () => {} } }, handlers[form]);
  const [first] = countedCases;
  counted[form] = { 'a connection': await countConnection(server.port, first.exchangeOf(isRaw)) };
  for (const { name, times, exchangeOf } of countedCases) {
    counted[form][name] = await countMessages(server.port, exchangeOf(isRaw), times);
  }
  await server.stop({ timeout: 0 });
}
console.log(JSON.stringify(counted, undefined, 2));
process.exit();
