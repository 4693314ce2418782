// A potential's file, as `dmol_molnet/live/exporter.py` writes it: what its header says, and its arrays.

export class InputError extends Error {
  // Bad input; its message is one sentence that names the input and says what would be right.
}

const MAGIC = "DMOLLIVE", VERSION = 1, ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array };

export function read(buffer) {
  // buffer: an ArrayBuffer -> {…what the header says, arrays: [Float64Array or Int32Array, …]}.
  const view = new DataView(buffer);
  const begins = String.fromCharCode(...new Uint8Array(buffer, 0, Math.min(8, buffer.byteLength)));
  if (begins !== MAGIC) throw new InputError("this is no file of a potential for this page");
  if (buffer.byteLength < 20) throw new InputError("the file of the potential is cut short: load it again");
  const version = view.getUint32(8, true);
  if (version !== VERSION)
    throw new InputError(`the file of the potential has version ${version}, and this page reads version ${VERSION}`);
  const length = view.getUint32(16, true), body = new Uint8Array(buffer, 20);
  if (20 + length > buffer.byteLength || crc32(body) !== view.getUint32(12, true))
    throw new InputError("the file of the potential is cut short or damaged: load it again");
  const header = JSON.parse(new TextDecoder().decode(body.subarray(0, length)));
  header.arrays = header.arrays.map(({ at, type, shape }) => {
    const stored = new ARRAYS[type](buffer, 20 + length + at, shape.reduce((a, b) => a * b, 1));
    return type === "int32" ? stored : Float64Array.from(stored); // all arithmetic is in float64
  });
  return header;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
