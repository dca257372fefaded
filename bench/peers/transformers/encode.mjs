// Encodes a model description (JSON on standard input) as ONNX protobuf into the file named. The schema is the part of
// onnx.proto (ONNX IR 10) that is used here, by field number.

import { readFileSync, writeFileSync } from 'node:fs'
import protobuf from 'protobufjs'

const { root } = protobuf.parse(`
  syntax = "proto2";
  message Model { optional int64 irVersion = 1; optional string producerName = 2; optional Graph graph = 7; repeated Opset opsetImport = 8; }
  message Opset { optional string domain = 1; optional int64 version = 2; }
  message Graph { repeated Node node = 1; optional string name = 2; repeated Tensor initializer = 5; repeated ValueInfo input = 11; repeated ValueInfo output = 12; }
  message Node { repeated string input = 1; repeated string output = 2; optional string name = 3; optional string opType = 4; repeated Attribute attribute = 5; optional string domain = 7; }
  message Attribute { optional string name = 1; optional float f = 2; optional int64 i = 3; repeated int64 ints = 8; optional int32 type = 20; }
  message Entry { optional string key = 1; optional string value = 2; }
  message Tensor { repeated int64 dims = 1; optional int32 dataType = 2; repeated int64 int64Data = 7 [packed = true]; optional string name = 8; repeated Entry externalData = 13; optional int32 dataLocation = 14; }
  message ValueInfo { optional string name = 1; optional Type type = 2; }
  message Type { optional TensorType tensorType = 1; }
  message TensorType { optional int32 elemType = 1; optional Shape shape = 2; }
  message Shape { repeated Dimension dim = 1; }
  message Dimension { optional int64 dimValue = 1; optional string dimParam = 2; }
`)
const Model = root.lookupType('Model')
const description = JSON.parse(readFileSync(0, 'utf8'))
const problem = Model.verify(description)
if (problem) throw new Error(`not an ONNX model: ${problem}`)
writeFileSync(process.argv[2], Model.encode(Model.fromObject(description)).finish())
