/** The recorded op cases as calls of this package's functions. */
import * as tc from '../src/index.ts';

export interface OpCase {
  name: string;
  op: string;
  attrs: Record<string, unknown>;
  inputs: { name: string; shape: number[]; dtype: tc.DType; stored: string }[];
  output: string;
  outputShape: number[];
  outputDtype: tc.DType;
  cotangent?: string;
  grads?: Record<string, string>;
  second?: Record<string, string>;
}

type Axes = number[] | undefined;

const plain = tc as unknown as Record<string, (...args: unknown[]) => tc.Tensor>;

/** Runs the case's op on its inputs. */
export function callOp({ op, attrs }: OpCase, x: tc.Tensor[]): tc.Tensor {
  const [a, b, c] = x as [tc.Tensor, tc.Tensor, tc.Tensor];
  const axes = attrs['axes'] as Axes;
  switch (op) {
    case 'sum':
    case 'mean':
    case 'max':
      return a[op](axes, attrs['keepDims'] as boolean | undefined);
    case 'reshape':
    case 'expand':
      return a[op](attrs['shape'] as number[]);
    case 'transpose':
      return a.transpose(attrs['perm'] as number[] | undefined);
    case 'slice':
      return a.slice(attrs['starts'] as number[], attrs['ends'] as number[]);
    case 'pad':
      return a.pad(attrs['pairs'] as number[][], attrs['value'] as number | undefined);
    case 'cast': {
      const y = a.cast(attrs['dtype'] as tc.DType);
      return attrs['back'] === true ? y.cast('float32') : y;
    }
    case 'concat':
    case 'stack':
      return tc[op](x, attrs['axis'] as number);
    case 'softmax':
    case 'logSoftmax':
      return tc[op](a, attrs['axis'] as number | undefined);
    case 'gather':
      return tc.gather(a, b, attrs['axis'] as number | undefined);
    case 'conv2d':
      return tc.conv2d(a, b, { ...(attrs as object), ...(c ? { bias: c } : {}) });
    case 'upsampleNearest2d':
      return tc.upsampleNearest2d(a, attrs['scale'] as number);
    case 'scaledDotProductAttention':
      return tc.scaledDotProductAttention(a, b, c);
    case 'resizeBilinear':
      return tc.resizeBilinear(a, attrs['size'] as [number, number], attrs);
    case 'avgPool2d':
    case 'maxPool2d':
    case 'groupNorm':
    case 'layerNorm':
    case 'matmul':
      return plain[op]!(...x, attrs);
    default:
      return 'scalar' in attrs ? plain[op]!(a, attrs['scalar']) : plain[op]!(...x);
  }
}
