// What server and client of the grpc-js peer share.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const zlib = require('zlib');

function load(proto) {
  const definition = loader.loadSync(proto, {keepCase: true, longs: Number, defaults: true});
  return {services: grpc.loadPackageDefinition(definition).sluice.interop, definition};
}

// Byte i is seed + 7 i.
function pattern(size, seed) {
  const block = Buffer.alloc(256);
  for (let i = 0; i < 256; ++i) block[i] = (seed + 7 * i) & 255;
  return size === 0 ? Buffer.alloc(0) : Buffer.alloc(size, block);
}

const table = Uint32Array.from({length: 256}, (_, i) => {
  for (let k = 0; k < 8; ++k) i = i & 1 ? (i >>> 1) ^ 0xedb88320 : i >>> 1;
  return i;
});
function tableCrc(data, crc) {
  crc = ~crc;
  for (const byte of data) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
const crc32 = zlib.crc32 || tableCrc;  // Node has its own since 20.15

// tcp:127.0.0.1:0 is 127.0.0.1:0 here; unix:PATH is the same.
function grpcAddr(addr) {
  if (addr.startsWith('unix:')) return addr;
  if (addr.startsWith('tcp:')) return addr.slice(4);
  throw new Error(`want tcp:HOST:PORT or unix:PATH, got: ${addr}`);
}

// --key value, --flag
function parseArgs(argv) {
  const args = {};
  for (let i = 0; i < argv.length; ++i) {
    const next = argv[i + 1];
    args[argv[i].slice(2)] = next === undefined || next.startsWith('--') ? true : argv[++i];
  }
  return args;
}

module.exports = {load, pattern, crc32, grpcAddr, parseArgs};
