/** Dense float64 matrices, row-major, and windows into them. */

/** [rows, columns]; element (i, j) is data[offset + i·stride + j]. */
export interface Matrix {
  readonly data: Float64Array;
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
}

/** A matrix of its own, of zeros or of `data` [rows, columns]. */
export function matrix(
  rows: number,
  columns: number,
  data: Float64Array = new Float64Array(rows * columns),
): Matrix {
  return { data, offset: 0, stride: columns, rows, columns };
}

/** The window of `rows` × `columns` whose first element is (row, column); it shares the memory. */
export function window(from: Matrix, row: number, column: number, rows: number, columns: number): Matrix {
  return {
    data: from.data,
    offset: from.offset + row * from.stride + column,
    stride: from.stride,
    rows,
    columns,
  };
}

/** Σ of all squared elements, the squared Frobenius norm. */
export function squaredNorm({ data, offset, stride, rows, columns }: Matrix): number {
  let total = 0;
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let at = offset + i * stride, end = at + columns; at < end; at++) sum += data[at]! * data[at]!;
    total += sum;
  }
  return total;
}

/** A transposed copy. */
export function transposed({ data, offset, stride, rows, columns }: Matrix): Matrix {
  const out = matrix(columns, rows);
  for (let i = 0; i < rows; i++) {
    const from = offset + i * stride;
    for (let j = 0; j < columns; j++) out.data[j * rows + i] = data[from + j]!;
  }
  return out;
}
