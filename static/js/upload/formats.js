// What a file is, by its bytes and never by its name. Pure: a Uint8Array goes in, plain values come out.

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const AVIF_BRANDS = ["avif", "avis"];
const HEIC_BRANDS = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];

/** The kind of picture that `bytes` (the first 32 or more) begin: one of the six that the site takes, or "". */
export function sniff(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "jpeg";
  if (PNG.every((byte, index) => bytes[index] === byte)) return "png";
  if (text(bytes, 0, 4) === "GIF8") return "gif";
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 4) === "WEBP") return "webp";
  return text(bytes, 4, 4) === "ftyp" ? sniffBrands(bytes) : "";
}

/** Width and height as stored (not turned by EXIF), read from the header; zeros when it does not say. */
export function measure(kind, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (kind === "png") return { width: view.getUint32(16), height: view.getUint32(20) };
    if (kind === "jpeg") return measureJpeg(view);
    if (kind === "webp") return measureWebp(view, text(bytes, 12, 4));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the header ends too early: unknown
  }
  return { width: 0, height: 0 };
}

/** True when a canvas would keep one frame of several. A GIF always counts: those that stand still are small anyway. */
export function isAnimated(kind, bytes) {
  if (kind === "gif") return true;
  if (kind === "webp") return text(bytes, 12, 4) === "VP8X" && (bytes[20] & 0x02) !== 0;
  if (kind === "avif") return text(bytes, 8, 4) === "avis";
  return kind === "png" && pngChunks(bytes).some((chunk) => chunk.type === "acTL");
}

/** True when the picture's own end mark is there. Some browsers decode a cut file and fill the rest with grey. */
export function isComplete(kind, bytes) {
  if (kind === "jpeg") return jpegHasEnd(bytes);
  if (kind === "png") return pngChunks(bytes).some((chunk) => chunk.type === "IEND");
  if (kind === "webp")
    return bytes.length >= 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  return true; // the decoders of the others refuse a cut file
}

/** The bytes from `start` as Latin-1 text; shorter at the end of the file. */
export function text(bytes, start, length) {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

/** Each marker segment before the pixels of a JPEG: its marker's low byte, and where its content lies. */
export function* jpegSegments(view) {
  let at = 2;
  while (at + 4 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // a fill byte
    } else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2; // markers without content
    } else {
      const length = view.getUint16(at + 2);
      yield { marker, start: at + 4, end: at + 2 + length };
      if (marker === 0xda || marker === 0xd9 || length < 2) return;
      at += 2 + length;
    }
  }
}

function sniffBrands(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const brands = text(bytes, 8, Math.min(size, 256) - 8).match(/.{4}/gs) ?? [];
  if (brands.some((brand) => AVIF_BRANDS.includes(brand))) return "avif";
  return brands.some((brand) => HEIC_BRANDS.includes(brand)) ? "heic" : "";
}

function measureJpeg(view) {
  for (const { marker, start } of jpegSegments(view)) {
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: view.getUint16(start + 3), height: view.getUint16(start + 1) };
  }
  return { width: 0, height: 0 };
}

function measureWebp(view, chunk) {
  if (chunk === "VP8X") {
    const uint24 = (at) => view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
    return { width: uint24(24) + 1, height: uint24(27) + 1 };
  }
  if (chunk === "VP8L") {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

/** Each chunk of a PNG that is whole: its type, and where its content begins. */
export function pngChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = [];
  let at = 8;
  while (at + 12 <= bytes.length) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) break;
    chunks.push({ type: text(bytes, at + 4, 4), start: at + 8 });
    at = end;
  }
  return chunks;
}

/** The same of a WebP, of which the last may be cut. */
export function webpChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = [];
  let at = 12;
  while (at + 8 <= bytes.length) {
    const length = view.getUint32(at + 4, true);
    chunks.push({ type: text(bytes, at, 4), start: at + 8 });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

function jpegHasEnd(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = -1;
  for (const segment of jpegSegments(view)) {
    if (segment.marker === 0xda) at = segment.end;
  }
  // In the coded pixels 0xFF is followed by 0 (a stuffed byte) or a restart mark; anything else ends the scan. The
  // tables between the scans of a progressive file hold no 0xFF 0xD9 in practice, so they need no parsing.
  while (at >= 0) {
    at = bytes.indexOf(0xff, at);
    if (at >= 0 && bytes[at + 1] === 0xd9) return true;
    if (at >= 0) at += 1;
  }
  return false;
}
