// What nobody may do to the page, and what it may not do itself.

import { request } from 'node:http';
import * as assert from 'uvu/assert';
import type { OnItsPage } from './demo-page.ts';

export function testSafety(onItsPage: OnItsPage, url: () => string): void {
  onItsPage(
    'the content security policy holds: no inline script, no inline style, nothing from elsewhere',
    { mayComplain: true },
    async (page) => {
      await page.evaluate(() => {
        const { dataset } = document.documentElement;
        document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
          dataset['violated'] = [...(dataset['violated'] ?? '').split(' '), effectiveDirective].sort().join(' ').trim();
        });
        const script = document.createElement('script');
        script.textContent = 'document.title = "broken into"';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<p style="color: red">red</p>');
        void fetch('http://127.0.0.1:9/').catch(() => {});
      });
      await page.waitForFunction(
        () => document.documentElement.dataset['violated'] === 'connect-src script-src-elem style-src-attr',
      );
      assert.is(await page.title(), 'millrace: talk to it');
    },
  );

  onItsPage('a page of another origin cannot connect', {}, async () => {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      Origin: 'http://evil.example',
    };
    for (const target of ['/watch', '/echo']) {
      const status = await new Promise((resolve, reject) => {
        request(`${url()}${target}?id=${'0'.repeat(32)}`, { headers }, (response) =>
          resolve(response.resume().statusCode),
        )
          .on('error', reject)
          .end();
      });
      assert.is(status, 403);
    }
  });
}
