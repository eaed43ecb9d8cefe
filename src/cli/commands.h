// Every command of the program: one function a file, called once by flag_table() in the order of help.
#pragma once

namespace CLI {
class App;
}

namespace holisafe::cli {

void add_serve(CLI::App& app);            // serve.cpp
void add_data_build(CLI::App& data);      // data_build.cpp
void add_data_check(CLI::App& data);      // data_check.cpp
void add_data_review(CLI::App& data);     // data_review.cpp
void add_data_stats(CLI::App& data);      // data_stats.cpp
void add_data_synth(CLI::App& data);      // data_synth.cpp
void add_data_sheet(CLI::App& data);      // data_synth.cpp
void add_data_view(CLI::App& data);       // data_view.cpp
void add_data_split(CLI::App& data);      // data_split.cpp
void add_data_export(CLI::App& data);     // data_export.cpp
void add_bench_run(CLI::App& bench);      // bench_run.cpp
void add_bench_import(CLI::App& bench);   // bench_import.cpp
void add_bench_score(CLI::App& bench);    // bench_score.cpp
void add_bench_judge(CLI::App& bench);    // bench_judge.cpp
void add_bench_report(CLI::App& bench);   // bench_report.cpp
void add_bench_compare(CLI::App& bench);  // bench_compare.cpp
void add_bench_export(CLI::App& bench);   // bench_export.cpp
void add_bench_guard(CLI::App& bench);    // bench_guard.cpp
void add_bench_list(CLI::App& bench);     // bench_list.cpp
void add_guard_labels(CLI::App& guard);   // guard_labels.cpp
void add_guard_sort(CLI::App& guard);     // guard_sort.cpp
void add_guard_compare(CLI::App& guard);  // guard_compare.cpp
void add_guard_report(CLI::App& guard);   // guard_report.cpp
void add_guard_export(CLI::App& guard);   // guard_export.cpp
void add_completion(CLI::App& app);       // completion.cpp
void add_man(CLI::App& app);              // man.cpp

}  // namespace holisafe::cli
