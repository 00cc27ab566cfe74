import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import * as x509 from '@peculiar/asn1-x509';

/** A certificate and its private key, both in PEM. */
export interface ServerCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const ORGANIZATION = '2.5.4.10';
/** The certificate is valid from this long before now, because GitLab's clock may be slow. */
const CLOCK_SKEW_MS = 3_600_000;
const SERIAL_BYTES = 16;

export interface CertificateWish {
  /** Name or IP address. */
  readonly host: string;
  readonly nowMs: number;
  readonly validMs: number;
}

/**
 * Makes a self-signed certificate for one server. A client that trusts exactly this certificate, as
 * GitLab does, needs no authority. Source: gitlab-runner `helpers/certificate/x509.go`, which uses
 * RSA.
 */
export function makeCertificate(wish: CertificateWish): ServerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const content = describe(wish, publicKey);
  const signature = sign('sha256', new Uint8Array(AsnConvert.serialize(content)), privateKey);
  const certificate = new x509.Certificate({
    tbsCertificate: content,
    signatureAlgorithm: algorithm(),
    signatureValue: toArrayBuffer(signature),
  });
  return {
    certificatePem: toPem(AsnConvert.serialize(certificate)),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function describe(
  { host, nowMs, validMs }: CertificateWish,
  publicKey: KeyObject,
): x509.TBSCertificate {
  const name = organization('GitLab Runner');
  return new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: toArrayBuffer(makeSerial()),
    signature: algorithm(),
    issuer: name,
    subject: name,
    validity: new x509.Validity({
      notBefore: new Date(nowMs - CLOCK_SKEW_MS),
      notAfter: new Date(nowMs + validMs),
    }),
    subjectPublicKeyInfo: AsnConvert.parse(
      publicKey.export({ type: 'spki', format: 'der' }),
      x509.SubjectPublicKeyInfo,
    ),
    extensions: new x509.Extensions([
      extension(x509.id_ce_basicConstraints, new x509.BasicConstraints({ cA: false })),
      extension(x509.id_ce_keyUsage, new x509.KeyUsage(x509.KeyUsageFlags.digitalSignature)),
      extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage([x509.id_kp_serverAuth])),
      extension(x509.id_ce_subjectAltName, new x509.SubjectAlternativeName([nameOf(host)])),
    ]),
  });
}

function algorithm(): x509.AlgorithmIdentifier {
  return new x509.AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 });
}

function organization(name: string): x509.Name {
  const value = new x509.AttributeValue({ utf8String: name });
  const attribute = new x509.AttributeTypeAndValue({ type: ORGANIZATION, value });
  return new x509.Name([new x509.RelativeDistinguishedName([attribute])]);
}

function extension(extnID: string, value: object): x509.Extension {
  const critical = extnID === x509.id_ce_basicConstraints || extnID === x509.id_ce_keyUsage;
  return new x509.Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}

function nameOf(host: string): x509.GeneralName {
  return new x509.GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host });
}

/**
 * Makes a serial number. It is positive and without leading zeros, because strict clients refuse
 * others.
 */
function makeSerial(): Buffer {
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function toPem(der: ArrayBuffer): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
