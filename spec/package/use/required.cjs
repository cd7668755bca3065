// A project of CommonJS that has installed the package.

const { connect, serve, MillraceError } = require('millrace');
const { Endpoint } = require('millrace/core');
const { createPair } = require('millrace/testing');

async function main() {
  const server = await serve({}, async (session) => {
    for await (const message of session) await session.send(message);
  });
  const session = await connect(server.url);
  void session.send('hello');
  const answer = await session.receive();
  await session.close();
  await server.stop();
  const imported = await import('millrace');
  const isSame = imported.serve === serve && imported.MillraceError === MillraceError;
  const kinds = [typeof Endpoint, typeof createPair];
  console.log(JSON.stringify({ answer, isSame, kinds, version: require('millrace/package.json').name }));
}

main();
