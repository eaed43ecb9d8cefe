// The commands of the LibTorch module: one function a file, called once in the order of help.
#pragma once

namespace CLI {
class App;
}

namespace holisafe::cli {

CLI::App* add_guard(CLI::App& app);         // guard.cpp; commands of its own hang on what it returns
void add_guard_calibrate(CLI::App& guard);  // guard_calibrate.cpp
void add_ask(CLI::App& app);                // ask.cpp
void add_model_info(CLI::App& model);       // model_info.cpp
void add_model_trace(CLI::App& model);      // model_trace.cpp
void add_model_synth(CLI::App& model);      // model_synth.cpp
void add_model_merge(CLI::App& model);      // model_merge.cpp
void add_train(CLI::App& app);              // train.cpp

}  // namespace holisafe::cli
