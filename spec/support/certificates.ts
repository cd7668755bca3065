// Certificates that a spec makes itself: authorities, and certificates that are signed by them or by themselves.

import { generate } from 'selfsigned';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateOptions {
  /** The names and addresses that it is for. */
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  /** Who signs it. Default: itself. */
  readonly ca?: Certificate;
  readonly isAuthority?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** Makes a certificate with that common name. */
export async function createCertificate(name: string, options: CertificateOptions = {}): Promise<Certificate> {
  const { names = [], addresses = [], ca, isAuthority = false, notBefore, notAfter } = options;
  const altNames = [
    ...names.map((value) => ({ type: 2 as const, value })),
    ...addresses.map((ip) => ({ type: 7 as const, ip })),
  ];
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: isAuthority, critical: true },
      ...(isAuthority ? [{ name: 'keyUsage' as const, keyCertSign: true, cRLSign: true, critical: true }] : []),
      ...(altNames.length === 0 ? [] : [{ name: 'subjectAltName' as const, altNames }]),
    ],
    ...(ca === undefined ? undefined : { ca }),
    ...(notBefore === undefined ? undefined : { notBeforeDate: notBefore }),
    ...(notAfter === undefined ? undefined : { notAfterDate: notAfter }),
  });
  return { key: made.private, cert: made.cert };
}
