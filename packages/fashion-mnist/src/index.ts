export { files, type FashionMnistFile } from './files.ts';
