// A certificate for the servers of the battery, signed by an authority of its own.

import { createCertificate } from '../../support/certificates.ts';
import type { Tls } from './socket-host.ts';

export async function createTls(): Promise<Tls> {
  const authority = await createCertificate('Authority', { isAuthority: true });
  const names = { names: ['localhost'], addresses: ['127.0.0.1'] };
  return { ...(await createCertificate('localhost', { ...names, ca: authority })), ca: authority.cert };
}
