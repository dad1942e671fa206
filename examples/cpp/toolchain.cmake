# What the example is built and tested with, all of Debian 12: g++ 12, protobuf 3.21, gRPC 1.51. `examples/run` compares what is
# installed with this file. Other versions may do; leave the file out then.
set(CMAKE_CXX_COMPILER g++-12)
