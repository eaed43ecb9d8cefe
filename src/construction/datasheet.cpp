#include <fmt/format.h>

#include "construction/card_parts.h"
#include "exports/markdown.h"

namespace holisafe::construction {
namespace {

using exports::markdown_text;

std::string asked(std::string_view question, std::string_view answer) {
  return fmt::format("**{}** {}\n\n", question, answer);
}

/// What the program cannot know.
constexpr std::string_view to_fill_in = "*To be filled in by whoever publishes the data.*";

std::string motivation() {
  return "## Motivation\n\n" +
         asked("For what purpose was the data set created?",
               "To train vision-language models that help where they should and refuse where they must, and "
               "to measure "
               "whether they do, also where picture and text are harmless alone and harmful together.") +
         asked("Who created it, and who paid for it?", to_fill_in);
}

std::string composition(const CardFacts& facts) {
  const ExportCounts& counts = facts.counts;
  return "## Composition\n\n" +
         asked("What do the instances represent?",
               "A picture, an instruction about it, and an answer, with labels: the combination (SSS, SSU, "
               "USU, SUU, UUU), "
               "the harm the pair is about, and what the picture shows.") +
         asked("How many instances are there?",
               fmt::format("{} pairs on {} pictures: {} for training, {} for benchmarking.", counts.pairs(),
                           counts.images(), counts.train.pairs, counts.bench.pairs)) +
         combination_table(facts) + "\n" + subcategory_table(facts) + "\n" +
         asked("Is it a sample of a larger set?",
               fmt::format("{} pairs were planned; those that did not pass are not here.",
                           build_count(facts, "pairs", "planned"))) +
         state_table(facts) + "\n" +
         asked(
             "Are there recommended splits?",
             facts.split_share.empty()
                 ? std::string("Train and bench, as the files say.")
                 : fmt::format(
                       "Train and bench: every subcategory in every combination was shared out, {} of it to "
                       "bench (iterative stratification over clusters of copies, seed {}).",
                       markdown_text(facts.split_share), markdown_text(facts.split_seed))) +
         asked("Are there errors or redundancies?", near_duplicate_text(facts)) +
         asked("Does it contain what might be offensive or cause anxiety?", "Yes: that is its subject.") +
         asked("Does it relate to people, and can they be identified?",
               "Pictures may show people. The classes `facial_data_exposure` and `identity_data_exposure` "
               "are about such "
               "pictures. " +
                   std::string(to_fill_in));
}

std::string collection(const CardFacts& facts) {
  return "## Collection\n\n" +
         asked("How were the pictures acquired?",
               "From the sources that `provenance.jsonl` names for each pair. " + std::string(to_fill_in)) +
         asked("How were the texts acquired?",
               "Models wrote an instruction for a picture and a combination, and an answer; every prompt is "
               "in `prompts/` "
               "under its SHA-256. " +
                   check_text(facts)) +
         asked("What did models decline?", decline_text(facts)) +
         asked("Were people involved?", review_text(facts)) +
         asked("Over what time?", fmt::format("The build began {}.", facts.created)) +
         asked("Were ethical reviews held, and did people shown consent?", to_fill_in);
}

std::string processing(const CardFacts& facts) {
  return "## Processing\n\n" +
         asked(
             "Was it cleaned or labelled?",
             "Pictures that do not decode, copies and pictures on whose label nobody agrees were set aside. "
             "Pictures that "
             "a labeller sent to quarantine have no pair and are not here. Instructions were checked by "
             "letters and by "
             "text alone, answers by how they begin, both by length; picture files are the source's bytes.") +
         asked("Is the software available?", fmt::format("holisafe {}.", markdown_text(facts.version)));
}

}  // namespace

std::string datasheet(const CardFacts& facts) {
  std::string out = fmt::format("# Datasheet: {}\n\n", markdown_text(title_of(facts)));
  out += motivation() + composition(facts) + collection(facts) + processing(facts);
  out += "## Uses\n\n" +
         asked("What should it be used for?",
               "Training models to refuse with a reason and to help without one; measuring attack success "
               "and needless "
               "refusals; training and measuring image guards.") +
         asked("What should it not be used for?",
               "Making models more harmful, spreading what it shows, identifying people, or deciding about a "
               "person. A "
               "model trained on the training side must not be measured by other copies of these pictures.");
  out += "## Distribution\n\n" + asked("Under what license?", license_text(facts)) +
         asked("Is access restricted?",
               "The card marks it as not for all audiences and asks for a confirmation before download, "
               "where the host "
               "honours that.");
  out += "## Maintenance\n\n" +
         asked("Who maintains it, and how is an error reported or a picture taken out?", to_fill_in);
  out.pop_back();  // one line end at the end
  return out;
}

}  // namespace holisafe::construction
