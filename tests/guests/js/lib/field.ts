// A field of numbers on the GPU, for the guests in TypeScript.

/** What a field is made of. */
export interface Extent {
  readonly width: number;
  readonly height: number;
}

export type Start = (x: number, y: number, extent: Extent) => number;

/** The numbers of a start, row by row. */
export function fill<E extends Extent>(extent: E, start: Start): Float32Array<ArrayBuffer> {
  const { width, height } = extent;
  return Float32Array.from({ length: width * height }, (_: unknown, at: number): number => start(at % width, Math.floor(at / width), extent));
}

export class Field {
  readonly buffer: GPUBuffer;
  readonly extent: Extent;
  #device: GPUDevice;

  constructor(device: GPUDevice, extent: Extent, start: Start) {
    this.#device = device;
    this.extent = extent;
    const data: Float32Array<ArrayBuffer> = fill(extent, start);
    this.buffer = device.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(this.buffer, 0, data);
  }

  async read(): Promise<Float32Array<ArrayBuffer>> {
    const staging = this.#device.createBuffer({ size: this.buffer.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.buffer, staging);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    return new Float32Array(staging.getMappedRange().slice(0));
  }
}
