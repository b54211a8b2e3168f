// Packages as other programs make them.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';

function numbers(...fields) {
  const bytes = fields.map(([size, value]) => {
    const field = Buffer.alloc(size);
    field.writeUIntLE(value, 0, size);
    return field;
  });
  return Buffer.concat(bytes);
}

/** A ZIP archive of {name: text}, deflated. */
export function zip(files) {
  const parts = [];
  const lines = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const bytes = Buffer.from(text);
    const packed = deflateRawSync(bytes);
    const common = numbers([2, 20], [2, 0], [2, 8], [4, 0], [4, crc32(bytes)], [4, packed.length], [4, bytes.length],
      [2, name.length], [2, 0]);
    const head = Buffer.concat([numbers([4, 0x04034b50]), common, Buffer.from(name)]);
    lines.push(Buffer.concat([
      numbers([4, 0x02014b50], [2, 20]), common, numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, at]), Buffer.from(name)]));
    parts.push(head, packed);
    at += head.length + packed.length;
  }
  const directory = Buffer.concat(lines);
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, lines.length], [2, lines.length], [4, directory.length],
    [4, at], [2, 0]);
  return Buffer.concat([...parts, directory, end]);
}

function varint(value) {
  const bytes = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

const field = (number, bytes) => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);

/** The archive as a CRX of version 3, signed by a new key: {crx, id}, the id as Chromium makes it of the key. */
export function crx(archive) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const id = createHash('sha256').update(key).digest().subarray(0, 16);
  const data = field(1, id);
  const signed = Buffer.concat([Buffer.from('CRX3 SignedData\0'), numbers([4, data.length]), data, archive]);
  const proof = Buffer.concat([field(1, key), field(2, sign('sha256', signed, privateKey))]);
  const header = Buffer.concat([field(2, proof), field(10000, data)]);
  const letters = [...id.toString('hex')].map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)));
  return {
    crx: Buffer.concat([Buffer.from('Cr24'), numbers([4, 3], [4, header.length]), header, archive]),
    id: letters.join(''),
  };
}
