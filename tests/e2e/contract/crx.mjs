import { createHash, createSign, generateKeyPairSync } from 'node:crypto';
import JSZip from 'jszip';

// The parts of the CRX3 format that a packer needs: a signed header in protocol buffers, then a ZIP.

function varint(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

function field(number, content) {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function little(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A browser extension that writes a mark into every page, packed and signed as Chromium wants it. */
export async function packExtension({ name = 'Contract', version = '1.2.3' } = {}) {
  const zip = new JSZip();
  const script = { matches: ['<all_urls>'], js: ['mark.js'], run_at: 'document_start' };
  zip.file('manifest.json', JSON.stringify({ manifest_version: 3, name, version, content_scripts: [script] }));
  zip.file('mark.js', 'document.documentElement.dataset.extension = "loaded";');
  const archive = await zip.generateAsync({ type: 'nodebuffer' });

  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const signed = field(1, createHash('sha256').update(key).digest().subarray(0, 16));
  const signature = createSign('sha256')
    .update(Buffer.concat([Buffer.from('CRX3 SignedData\0'), little(signed.length), signed, archive]))
    .sign(privateKey);
  const header = Buffer.concat([field(2, Buffer.concat([field(1, key), field(2, signature)])), field(10000, signed)]);
  return Buffer.concat([Buffer.from('Cr24'), little(3), little(header.length), header, archive]);
}
