#include <iostream>
#include <string>
#include <string_view>

namespace {

void greet(std::string_view name) {
    std::cout << "Hello, " << name << ", from WebAssembly!\n";
}

// Greets each line of standard input.
void greet_lines() {
    for (std::string line; std::getline(std::cin, line);) {
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        greet(line);
    }
}

}  // namespace

// 0 when the greetings arrived, 1 when they could not be written, 2 for a wrong call.
int main(int argc, char *argv[]) {
    if (argc > 2) {
        std::cerr << "usage: {{name}} [NAME | -]\n";
        return 2;
    }
    const std::string_view name = argc == 2 ? argv[1] : "world";
    if (name == "-") {
        greet_lines();
    } else {
        greet(name);
    }
    std::cout.flush();
    if (!std::cout || std::cin.bad()) {
        std::cerr << "{{name}}: reading or writing failed\n";
        return 1;
    }
    return 0;
}
