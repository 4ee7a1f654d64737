// What bench calls in its page: each library compresses one file to JPEG at its own default quality, at full size.

import Uppy from "@uppy/core";
import UppyCompressor from "@uppy/compressor";
import imageCompression from "browser-image-compression";
import Compressor from "compressorjs";

const withCompressor = (file) =>
  new Promise((success, error) => new Compressor(file, { success, error, mimeType: "image/jpeg" }));

/** Uppy compresses before it uploads, as many at once as it likes: all files go in together. */
async function withUppy(files) {
  const uppy = new Uppy({ allowMultipleUploadBatches: true });
  uppy.use(UppyCompressor, { mimeType: "image/jpeg" });
  for (const file of files) uppy.addFile({ name: file.name, type: file.type, data: file });
  await uppy.upload();
  return uppy.getFiles().map((each) => each.data);
}

const inTurn = (compress) => async (files) => {
  const blobs = [];
  for (const file of files) blobs.push(await compress(file));
  return blobs;
};

/** Name -> function of an array of files, which answers an array of blobs. */
export const rivals = {
  "@uppy/compressor": withUppy,
  compressorjs: inTurn(withCompressor),
  // Its worker is made of a string and loads its own script: what a strict content security policy forbids.
  "browser-image-compression": inTurn((file) =>
    imageCompression(file, { useWebWorker: false, initialQuality: 0.8, maxSizeMB: Number.POSITIVE_INFINITY }),
  ),
};
