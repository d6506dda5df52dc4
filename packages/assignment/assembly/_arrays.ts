/** Arrays in memory: element `k` of the one that begins at `array`. */

export function i32At(array: usize, k: i32): i32 {
  return load<i32>(array + ((<usize>k) << 2));
}
export function setI32(array: usize, k: i32, value: i32): void {
  store<i32>(array + ((<usize>k) << 2), value);
}
export function u32At(array: usize, k: i32): usize {
  return <usize>load<u32>(array + ((<usize>k) << 2));
}
export function f32At(array: usize, k: i32): f32 {
  return load<f32>(array + ((<usize>k) << 2));
}
export function setF32(array: usize, k: i32, value: f32): void {
  store<f32>(array + ((<usize>k) << 2), value);
}
export function f64At(array: usize, k: i32): f64 {
  return load<f64>(array + ((<usize>k) << 3));
}
export function setF64(array: usize, k: i32, value: f64): void {
  store<f64>(array + ((<usize>k) << 3), value);
}
